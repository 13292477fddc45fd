using Npgsql;

namespace Orchestrator.Service.Postgres;

/// <summary>Tells a database that is out of reach from one that refuses what it is asked.</summary>
public static class DatabaseErrors
{
    /// <summary>Whether the same call may well succeed later: no connection, a restart, too many clients, a time-out.</summary>
    public static bool IsOutOfReach(Exception exception) => exception switch
    {
        PostgresException e => e.IsTransient || e.SqlState[..2] is "08" or "53" or "57" or "58" || e.SqlState is "25P03",
        NpgsqlException or TimeoutException or System.Net.Sockets.SocketException => true,
        // A connection that broke while a result was being read may surface so.
        ObjectDisposedException or System.IO.IOException => true,
        _ => false,
    };

    /// <summary>Whether a lock that somebody else holds kept a statement from its end: it may succeed as soon as that is released.</summary>
    public static bool IsLockHeld(Exception exception) => exception is PostgresException { SqlState: "55P03" or "40P01" };

    /// <summary>
    /// Whether the data of a statement is refused: by a constraint, a type, a trigger of whatever code. Trying again changes
    /// nothing. Classes that speak of the statement, the transaction or the server rather than of the data are none of these.
    /// </summary>
    public static bool IsRefusedData(Exception exception) =>
        exception is PostgresException { SqlState: var state } && !IsOutOfReach(exception)
        && state[..2] is not ("0A" or "25" or "26" or "28" or "2D" or "34" or "3B" or "3D" or "3F" or "40" or "42" or "55" or "XX");
}
