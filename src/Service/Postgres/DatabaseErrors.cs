using System.Net.Sockets;
using Npgsql;

namespace Orchestrator.Service.Postgres;

/// <summary>Tells the kinds of errors apart that call for different things to be done.</summary>
public static class DatabaseErrors
{
    /// <summary>
    /// Whether the database cannot be worked with at present, and the same call may well succeed later: no connection, a refused one
    /// (the server names a missing database or a wrong password so), a restart, too many clients, a time-out.
    /// </summary>
    public static bool IsOutOfReach(Exception exception) => exception switch
    {
        PostgresException e => e.IsTransient || e.InvariantSeverity is "FATAL" or "PANIC" || e.SqlState[..2] is "08" or "53" or "57" or "58",
        NpgsqlException or TimeoutException or SocketException => true,
        // A connection that broke while a result was being read may surface so.
        ObjectDisposedException or IOException => true,
        _ => false,
    };

    /// <summary>Whether a lock that somebody else holds kept a statement from its end: it may succeed as soon as that is released.</summary>
    public static bool IsLockHeld(Exception exception) => exception is PostgresException { SqlState: "55P03" or "40P01" };

    /// <summary>Whether the error may pass by itself: a held lock, a statement cancelled for its time, a conflict. No message ends by it.</summary>
    public static bool MayPass(Exception exception) =>
        IsLockHeld(exception) || exception is PostgresException { IsTransient: true } or PostgresException { SqlState: "57014" or "55006" };

    /// <summary>Whether the data of a statement is refused, by a type, a constraint or a trigger: trying again changes nothing.</summary>
    public static bool IsRefusedData(Exception exception) =>
        exception is PostgresException { SqlState: var state } && state[..2] is "21" or "22" or "23" or "27" or "44" or "54" or "P0";

    /// <summary>What may be told of an error: a message of the database's may quote the data.</summary>
    public static string Describe(Exception fault) => fault is PostgresException refusal
        ? $"{refusal.SqlState} {refusal.ConstraintName}".TrimEnd()
        : fault.GetType().Name;

    /// <summary>
    /// Whether the error may be one message's fault: the connection lives, and it was the server that refused, or this program that
    /// could not make sense of what it read.
    /// </summary>
    public static bool MayBeAboutTheData(Exception exception) => exception switch
    {
        OperationCanceledException => false,
        PostgresException e => e.InvariantSeverity is not ("FATAL" or "PANIC") && e.SqlState[..2] is not ("08" or "53" or "58"),
        NpgsqlException or TimeoutException or SocketException or ObjectDisposedException or IOException => false,
        _ => true,
    };
}
