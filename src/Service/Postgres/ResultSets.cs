using System.Data;
using System.Data.Common;
using Dapper;
using Npgsql;

namespace Orchestrator.Service.Postgres;

/// <summary>
/// The results of statements that were sent together, to be read in their order. Unlike Dapper's own reader of several results, this one
/// takes each row whole: column by column (<see cref="CommandBehavior.SequentialAccess"/>) many small rows take half as long again.
/// </summary>
internal sealed class ResultSets : IAsyncDisposable
{
    private readonly DbDataReader _reader;

    /// <summary>Given back to its connection with the reader: Dapper leaves that to whoever reads.</summary>
    private readonly IDbCommand? _command;

    private readonly CancellationToken _cancellationToken;

    private ResultSets(DbDataReader reader, CancellationToken cancellationToken)
    {
        (_reader, _command) = reader is IWrappedDataReader { Reader: DbDataReader inner } wrapped ? (inner, wrapped.Command) : (reader, null);
        _cancellationToken = cancellationToken;
    }

    /// <summary>Sends the statements; those that have no result count as none.</summary>
    /// <exception cref="NpgsqlException">The first of them failed, or the database is out of reach.</exception>
    public static async Task<ResultSets> QueryAsync(NpgsqlConnection connection, CommandDefinition command) =>
        new(await connection.ExecuteReaderAsync(command, CommandBehavior.Default), command.CancellationToken);

    /// <summary>
    /// The rows of the next result. Reading the last one sees the end of the transaction, too.
    /// </summary>
    /// <exception cref="NpgsqlException">This statement or the one after it failed, or the database is out of reach.</exception>
    public async Task<List<T>> ReadAsync<T>()
    {
        var parse = _reader.GetRowParser<object>(typeof(T));
        var rows = new List<T>();
        while (await _reader.ReadAsync(_cancellationToken))
            rows.Add((T)parse(_reader));
        await _reader.NextResultAsync(_cancellationToken);
        return rows;
    }

    /// <summary>The only row of the next result.</summary>
    /// <exception cref="InvalidOperationException">There is none, or more than one.</exception>
    /// <exception cref="NpgsqlException">As in <see cref="ReadAsync{T}"/>.</exception>
    public async Task<T> ReadSingleAsync<T>() => (await ReadAsync<T>()).Single();

    /// <summary>Passes over the next result.</summary>
    /// <exception cref="NpgsqlException">As in <see cref="ReadAsync{T}"/>.</exception>
    public async Task SkipAsync() => await _reader.NextResultAsync(_cancellationToken);

    /// <summary>Closes the reader, and gives the command back.</summary>
    public async ValueTask DisposeAsync()
    {
        await _reader.DisposeAsync();
        _command?.Dispose();
    }
}
