using Microsoft.AspNetCore.Http;
using NodaTime;
using Orchestrator.Service.Dispatch;

namespace Orchestrator.Service.Http;

/// <summary><c>POST /process-queue</c>.</summary>
public sealed class QueueEndpoint(Requests requests, Dispatcher dispatcher)
{
    /// <summary>Dispatches everything due, now.</summary>
    public Task<IResult> ProcessAsync(HttpRequest request, CancellationToken cancellationToken) =>
        requests.HandleAsync(request, QueryParameters.None, async () =>
        {
            var pass = await dispatcher.RunOnceAsync(cancellationToken);
            return JsonResults.Ok(new Answer(
                "Queue processed successfully", pass.At, pass.Result.Delivered, pass.Result.Deferred, pass.Result.Expired, pass.Result.Failed,
                pass.Result.Cancelled));
        });

    private sealed record Answer(string Message, Instant LastProcessTime, int Delivered, int Deferred, int Expired, int Failed, int Cancelled)
    {
        public bool Success { get; } = true;
    }
}
