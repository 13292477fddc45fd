using System.Text.Json.Nodes;
using Orchestrator.Chaos.Tests.Faults;

namespace Orchestrator.Chaos.Tests.Load;

/// <summary>What callers do all day: queue messages of every kind, think better of some, and keep the people's data.</summary>
/// <param name="instances">The instances.</param>
/// <param name="population">Who is written to.</param>
/// <param name="ledger">What was asked for and answered.</param>
/// <param name="seed">What all choices follow from.</param>
public sealed class Traffic(IReadOnlyList<Instance> instances, Population population, Ledger ledger, int seed)
{
    private readonly string _run = $"run{seed}";
    private readonly List<Pending> _unanswered = [];
    private readonly Lock _lock = new();
    private int _people;

    /// <summary>Makes requests, so many callers at once, until told to stop.</summary>
    /// <param name="callers">How many.</param>
    /// <param name="thinkingTime">How long each rests between two requests, at most.</param>
    /// <param name="stop">Ends it.</param>
    public Task RunAsync(int callers, TimeSpan thinkingTime, CancellationToken stop) => Task.WhenAll(Enumerable.Range(0, callers).Select(async number =>
    {
        var random = new Random(Seeds.Of(seed, $"caller {number}"));
        var caller = new Caller(instances, ledger, random);
        while (!stop.IsCancellationRequested)
        {
            await ActAsync(caller, random, stop);
            await Task.Delay(thinkingTime * random.NextDouble(), stop).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }));

    /// <summary>
    /// Makes every request with a key again, as callers do who were never told: those without an answer, and some of the others, which
    /// must get the answer they had.
    /// </summary>
    /// <param name="giveUp">When to stop.</param>
    /// <returns>How many are still without one.</returns>
    public async Task<int> AskAgainAsync(CancellationToken giveUp)
    {
        var random = new Random(Seeds.Of(seed, "again"));
        List<Pending> again;
        lock (_lock)
            again = [.. _unanswered.Where(p => !p.IsAnswered || random.Next(5) == 0)];
        await Parallel.ForEachAsync(again, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (pending, _) =>
            await SendAsync(new Caller(instances, ledger, new Random(Seeds.Of(seed, pending.Orders[0].Reference))), pending, giveUp));
        return again.Count(p => !p.IsAnswered);
    }

    private Task ActAsync(Caller caller, Random random, CancellationToken stop) => random.Next(100) switch
    {
        < 40 => QueueOneAsync(caller, random, stop),
        < 55 => QueueManyAsync(caller, random, stop),
        < 62 => QueueSequenceAsync(caller, random, stop),
        < 69 => QueuePartsAsync(caller, random, stop),
        < 75 => QueueTopicAsync(caller, random, stop),
        < 84 => ChangeAsync(caller, random, stop),
        < 93 => CancelAsync(caller, random, stop),
        _ => KeepPeopleAsync(caller, random, stop),
    };

    private string Anybody(Random random) => random.Next(100) switch
    {
        < 62 => population.Next(),
        < 72 => population.Busy(),
        < 84 => population.Sleeper(),
        < 90 => population.Odd(),
        < 95 => population.Limited(),
        _ => population.Leaver(),
    };

    private Order NewOrder(string userId, Random random, bool hasKey)
    {
        var reference = ledger.NextReference();
        var now = DateTime.UtcNow;
        var kind = random.Next(100);
        var order = new Order(reference, userId)
        {
            Key = hasKey ? $"{_run}-{reference}" : null,
            Text = kind % 8 == 0 ? null : $"Message {reference} for you.",
            MayBeReworded = kind % 9 == 0,
            NotBefore = kind % 10 == 1 ? now + (TimeSpan.FromSeconds(5) * random.NextDouble()) : null,
            ExpiresAt = kind % 10 == 2 ? now + TimeSpan.FromSeconds(5 + (30 * random.NextDouble())) : null,
        };
        ledger.Add(order);
        return order;
    }

    private Task QueueOneAsync(Caller caller, Random random, CancellationToken stop)
    {
        var order = NewOrder(Anybody(random), random, hasKey: random.Next(10) > 0);
        return QueueAsync(caller, [order], Requests.For(order, random), stop);
    }

    private Task QueueTopicAsync(Caller caller, Random random, CancellationToken stop)
    {
        var userId = random.Next(3) > 0 ? population.Subscriber() : population.Busy();
        var reference = ledger.NextReference();
        var order = new Order(reference, userId)
        {
            Key = $"{_run}-{reference}",
            Text = $"Message {reference} of a topic.",
            Topic = $"topic_{random.Next(2)}",
        };
        ledger.Add(order);
        return QueueAsync(caller, [order], Requests.For(order, random), stop);
    }

    private Task QueueSequenceAsync(Caller caller, Random random, CancellationToken stop)
    {
        var orders = NewSequence(population.Next(), 2 + random.Next(3), inOneRequest: true);
        return QueueAsync(caller, orders, Requests.ForAll(orders, random), stop);
    }

    private Task QueuePartsAsync(Caller caller, Random random, CancellationToken stop)
    {
        var orders = NewSequence(random.Next(4) == 0 ? population.Busy() : population.Next(), 2 + random.Next(2), inOneRequest: false);
        var bodies = orders.Select(o => (Order: o, Body: Requests.ForPart(o, orders.Count, random))).ToArray();
        random.Shuffle(bodies);
        return Task.WhenAll(bodies.Select(part => QueueAsync(
            new Caller(instances, ledger, new Random(Seeds.Of(seed, part.Order.Reference))), [part.Order], part.Body, stop)));
    }

    private List<Order> NewSequence(string userId, int total, bool inOneRequest)
    {
        var sequence = $"sequence-{ledger.NextReference()}";
        var orders = Enumerable.Range(1, total).Select(place =>
        {
            var reference = ledger.NextReference();
            return new Order(reference, userId)
            {
                Key = $"{_run}-{(inOneRequest ? sequence : reference)}",
                Text = $"Part {place}, {reference}.",
                Sequence = sequence,
                Place = place,
            };
        }).ToList();
        orders.ForEach(ledger.Add);
        return orders;
    }

    private Task QueueManyAsync(Caller caller, Random random, CancellationToken stop)
    {
        // Those without a key would be stored again with the others.
        var isRepeatable = random.Next(10) > 0;
        var orders = Enumerable.Range(0, 10 + random.Next(30))
            .Select(_ => NewOrder(Anybody(random), random, hasKey: isRepeatable || random.Next(2) == 0)).ToList();
        var items = orders.ConvertAll(o =>
        {
            var item = Requests.For(o, random);
            if (o.Key is not null)
                item["idempotencyKey"] = o.Key;
            return (JsonNode)item;
        });
        var body = new JsonObject { ["messages"] = new JsonArray([.. items]) };
        return KeepAndSendAsync(caller, new Pending("schedule-messages", body.Text(), Key: null, isRepeatable, orders), stop);
    }

    private Task QueueAsync(Caller caller, List<Order> orders, JsonObject body, CancellationToken stop) => KeepAndSendAsync(
        caller, new Pending("schedule-message", body.Text(), orders[0].Key, orders[0].Key is not null, orders), stop);

    private Task KeepAndSendAsync(Caller caller, Pending pending, CancellationToken stop)
    {
        if (pending.IsRepeatable)
        {
            lock (_lock)
                _unanswered.Add(pending);
        }

        return SendAsync(caller, pending, stop);
    }

    private async Task SendAsync(Caller caller, Pending pending, CancellationToken giveUp)
    {
        var reply = await caller.AskAsync(
            HttpMethod.Post, pending.Path, pending.Body, pending.Key, pending.IsRepeatable, giveUp, mayBeRefused: pending.HasExpired);
        if (reply is not { IsSuccess: true })
        {
            // Refused because its time is over; what was stored of it, if anything, was never told.
            pending.IsAnswered |= reply is not null;
            return;
        }

        var answer = reply.Json;
        if (answer.TryGetProperty("results", out var results))
        {
            var all = true;
            foreach (var (order, result) in pending.Orders.Zip(results.EnumerateArray()))
            {
                if (result.GetProperty("success").GetBoolean())
                    order.AnsweredWith(result.GetProperty("messageId").GetGuid());
                else if (result.GetProperty("code").GetString() is "idempotency_key_running" or "database_unavailable")
                    all = false;
                else if (order.ExpiresAt is null || order.ExpiresAt > DateTime.UtcNow)
                    ledger.AddOddAnswer($"{order.Reference} of many was answered {result}");
            }

            pending.IsAnswered = all;
            return;
        }

        if (answer.TryGetProperty("messageIds", out var ids))
        {
            foreach (var (order, id) in pending.Orders.Zip(ids.EnumerateArray()))
                order.AnsweredWith(id.GetGuid());
        }
        else
        {
            pending.Orders[0].AnsweredWith(answer.GetProperty("messageId").GetGuid());
        }

        pending.IsAnswered = true;
    }

    private async Task ChangeAsync(Caller caller, Random random, CancellationToken stop)
    {
        if (PickAnswered(random) is not { ChangedText: null, Text: not null } order)
            return;
        order.ChangedText = $"Message {order.Reference}, changed.";
        var body = new JsonObject { ["messageData"] = Requests.Data(order.Reference, order.ChangedText) };
        if (random.Next(2) == 0)
            body["priority"] = "high";
        var reply = await caller.AskAsync(HttpMethod.Patch, $"messages/{order.Ids.First()}", body.Text(), key: null, mayRepeat: true, stop);
        order.IsChanged |= reply is { IsSuccess: true };
    }

    private async Task CancelAsync(Caller caller, Random random, CancellationToken stop)
    {
        if (PickAnswered(random) is not { } order)
            return;
        var reply = await caller.AskAsync(HttpMethod.Delete, $"messages/{order.Ids.First()}", body: null, key: null, mayRepeat: true, stop);
        order.IsCancelled |= reply is { IsSuccess: true };
    }

    /// <summary>One of the newest messages; parts of sequences are left alone, because the others would go with them.</summary>
    private Order? PickAnswered(Random random)
    {
        var newest = ledger.Orders.Reverse().Where(o => o.Sequence is null && o.Ids.Count > 0).Take(40).ToList();
        return newest.Count == 0 ? null : newest[random.Next(newest.Count)];
    }

    private async Task KeepPeopleAsync(Caller caller, Random random, CancellationToken stop)
    {
        switch (random.Next(4))
        {
            case 0:
                await OptOutAsync(caller, stop);
                break;
            case 1:
                await PutAsync(population.Next(), new JsonObject { ["firstName"] = $"Name {random.Next(1000)}" });
                break;
            default:
                var number = Interlocked.Increment(ref _people);
                var userId = $"new_{seed}_{number}";
                var isThere = await PutAsync(userId, new JsonObject
                {
                    ["phoneNumber"] = Population.NumberOf(1_000_000 + number),
                    ["timezone"] = population.DayZone,
                    ["quietHoursEnabled"] = true,
                });
                if (isThere)
                {
                    var order = NewOrder(userId, random, hasKey: true);
                    await QueueAsync(caller, [order], Requests.For(order, random), stop);
                }

                break;
        }

        async Task<bool> PutAsync(string userId, JsonObject body) =>
            await caller.AskAsync(HttpMethod.Put, $"users/{userId}", body.Text(), key: null, mayRepeat: true, stop) is { IsSuccess: true };
    }

    private async Task OptOutAsync(Caller caller, CancellationToken stop)
    {
        var userId = population.Leaver();
        var reply = await caller.AskAsync(
            HttpMethod.Put, $"users/{userId}", """{"optedOut": true}""", key: null, mayRepeat: true, stop);
        if (reply is { IsSuccess: true })
            ledger.AddOptOut(userId, DateTime.UtcNow);
    }

    /// <summary>A request that is made until it is answered.</summary>
    /// <param name="Path">Where to.</param>
    /// <param name="Body">The body.</param>
    /// <param name="Key">The idempotency key in its header; null: none.</param>
    /// <param name="IsRepeatable">Whether it may be made again: a key goes with each message.</param>
    /// <param name="Orders">What it asks for.</param>
    private sealed record Pending(string Path, string Body, string? Key, bool IsRepeatable, IReadOnlyList<Order> Orders)
    {
        public bool IsAnswered { get; set; }

        /// <summary>Whether it may be refused by now: what has expired is not taken.</summary>
        public bool HasExpired() => Orders.Any(o => o.ExpiresAt < DateTime.UtcNow);
    }
}
