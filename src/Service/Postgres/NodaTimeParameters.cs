using System.Data;
using System.Runtime.CompilerServices;
using Dapper;
using NodaTime;
using Npgsql;
using NpgsqlTypes;

namespace Orchestrator.Service.Postgres;

/// <summary>Lets Dapper pass NodaTime's types through as Npgsql's NodaTime plug-in knows them.</summary>
internal static class NodaTimeParameters
{
    /// <summary>Registers them before any statement of this assembly can run; Dapper keeps one registry per process.</summary>
    [ModuleInitializer]
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Usage", "CA2255", Justification = "Dapper's registry is static: there is no start-up hook that all hosts and tests share.")]
    internal static void Register()
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;
        SqlMapper.AddTypeHandler(new Handler<Instant>(NpgsqlDbType.TimestampTz));
        SqlMapper.AddTypeHandler(new Handler<LocalDate>(NpgsqlDbType.Date));
        SqlMapper.AddTypeHandler(new Handler<LocalTime>(NpgsqlDbType.Time));
    }

    private sealed class Handler<T>(NpgsqlDbType type) : SqlMapper.TypeHandler<T>
    {
        public override void SetValue(IDbDataParameter parameter, T? value)
        {
            parameter.Value = value ?? (object)DBNull.Value;
            ((NpgsqlParameter)parameter).NpgsqlDbType = type;
        }

        public override T Parse(object value) => (T)value;
    }
}
