using Microsoft.Extensions.Logging;
using NodaTime;

namespace Orchestrator.Service;

/// <summary>
/// Every line the service logs. The wording is that of the service this one replaces where it had a line. Ids only: never
/// content, a secret or a phone number.
/// </summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Processing message queue...")]
    public static partial void ProcessingQueue(ILogger logger);

    [LoggerMessage(2, LogLevel.Information, "Message queued with ID {MessageId}, scheduled for {ScheduledFor}")]
    public static partial void MessageQueued(ILogger logger, Guid messageId, Instant scheduledFor);

    [LoggerMessage(3, LogLevel.Information, "Rate limit exceeded for user {UserId}: {Code}, message {MessageId} rescheduled for {Until}")]
    public static partial void RateLimitExceeded(ILogger logger, string userId, string code, Guid messageId, Instant until);

    [LoggerMessage(4, LogLevel.Information, "User {UserId} in quiet hours, rescheduling message {MessageId} for {Until}")]
    public static partial void InQuietHours(ILogger logger, string userId, Guid messageId, Instant until);

    [LoggerMessage(5, LogLevel.Information, "Message {MessageId} of user {UserId} deferred until {Until}: {Code}")]
    public static partial void MessageDeferred(ILogger logger, Guid messageId, string userId, Instant until, string code);

    [LoggerMessage(6, LogLevel.Information, "Successfully delivered message {MessageId}")]
    public static partial void MessageDelivered(ILogger logger, Guid messageId);

    [LoggerMessage(7, LogLevel.Warning, "Message {MessageId} of user {UserId} expired before it could be delivered")]
    public static partial void MessageExpired(ILogger logger, Guid messageId, string userId);

    [LoggerMessage(8, LogLevel.Warning, "Message {MessageId} of user {UserId} failed: {Code}")]
    public static partial void MessageFailed(ILogger logger, Guid messageId, string userId, string code);

    [LoggerMessage(23, LogLevel.Information, "Message {MessageId} of user {UserId} cancelled: {Code}")]
    public static partial void MessageCancelled(ILogger logger, Guid messageId, string userId, string code);

    [LoggerMessage(24, LogLevel.Information, "Message {MessageId} of user {UserId} superseded by message {NewMessageId}")]
    public static partial void MessageSuperseded(ILogger logger, Guid messageId, string userId, Guid newMessageId);

    [LoggerMessage(9, LogLevel.Information, "Queue processed: {Delivered} delivered, {Deferred} deferred, {Expired} expired, {Failed} failed")]
    public static partial void QueueProcessed(ILogger logger, int delivered, int deferred, int expired, int failed);

    [LoggerMessage(10, LogLevel.Warning, "User {UserId} has the unknown time zone {TimeZone}; {DefaultZone} is used (said once per zone)")]
    public static partial void UnknownTimeZone(ILogger logger, string userId, string timeZone, string defaultZone);

    [LoggerMessage(11, LogLevel.Warning, "User {UserId} has no time zone; {DefaultZone} is used for all users without one (said once)")]
    public static partial void NoTimeZone(ILogger logger, string userId, string defaultZone);

    [LoggerMessage(12, LogLevel.Error, "{Count} messages cannot be dispatched together ({Fault}); trying them in parts")]
    public static partial void BatchRefused(ILogger logger, int count, string fault);

    [LoggerMessage(13, LogLevel.Error, "Message {MessageId} cannot be dispatched ({Fault}); it is left alone until the next dispatch")]
    public static partial void MessageStuck(ILogger logger, Guid messageId, string fault);

    [LoggerMessage(14, LogLevel.Warning, "Database out of reach: {Fault}")]
    public static partial void DatabaseOutOfReach(ILogger logger, string fault);

    [LoggerMessage(15, LogLevel.Information, "Migration {Name} applied")]
    public static partial void MigrationApplied(ILogger logger, string name);

    [LoggerMessage(16, LogLevel.Warning, "Waiting for the database: {Fault}")]
    public static partial void WaitingForDatabase(ILogger logger, string fault);

    [LoggerMessage(17, LogLevel.Error, "Request {Method} {Path} failed")]
    public static partial void RequestFailed(ILogger logger, Exception exception, string method, string path);

    [LoggerMessage(25, LogLevel.Error, "A message of a batch could not be scheduled")]
    public static partial void ItemFailed(ILogger logger, Exception exception);

    [LoggerMessage(26, LogLevel.Warning, "{Count} messages cannot be stored together ({Fault}); trying them in parts")]
    public static partial void BatchNotStored(ILogger logger, int count, string fault);

    [LoggerMessage(18, LogLevel.Warning, "Urgent message {MessageId} is stored but could not be dispatched at once; the next dispatch takes it")]
    public static partial void UrgentLeftToNextDispatch(ILogger logger, Exception exception, Guid messageId);

    [LoggerMessage(19, LogLevel.Error, "The database cannot be migrated; nothing is accepted or dispatched until it can")]
    public static partial void MigrationFailed(ILogger logger, Exception exception);

    [LoggerMessage(20, LogLevel.Warning, "A batch of {Count} messages took too long and was given up; nothing of it was delivered")]
    public static partial void BatchStalled(ILogger logger, int count);

    [LoggerMessage(21, LogLevel.Warning, "Unhealthy: {Fault}")]
    public static partial void HealthCheckFailed(ILogger logger, string fault);

    [LoggerMessage(22, LogLevel.Warning, "What was dispatched is missing from the figures of /health: {Fault}")]
    public static partial void FiguresNotRecorded(ILogger logger, string fault);

    [LoggerMessage(30, LogLevel.Information, "Message {MessageId} sent to user {UserId}: {Sid}")]
    public static partial void SmsSent(ILogger logger, Guid messageId, string userId, string sid);

    [LoggerMessage(31, LogLevel.Warning, "Message {MessageId} of user {UserId} not sent: {Code}, tried again at {Until}")]
    public static partial void SmsDeferred(ILogger logger, Guid messageId, string userId, string code, Instant until);

    [LoggerMessage(32, LogLevel.Warning, "Message {MessageId}: the provider may have taken it or not ({Fault}); it is asked before anything is sent again")]
    public static partial void SmsOutcomeUnknown(ILogger logger, Guid messageId, string fault);

    [LoggerMessage(33, LogLevel.Warning, "Message {MessageId} of user {UserId} is never sent: {Status}, {Code}")]
    public static partial void SmsEnded(ILogger logger, Guid messageId, string userId, string status, string code);

    [LoggerMessage(34, LogLevel.Error, "Sending is stopped: {Code}, {Reason} One message is tried at {Until}")]
    public static partial void SendingStopped(ILogger logger, string code, string reason, Instant until);

    [LoggerMessage(35, LogLevel.Information, "SMS of message {MessageId} to {Number}, {Length} characters: told here and not sent (SMS_DELIVERY=log)")]
    public static partial void SmsPrinted(ILogger logger, Guid messageId, string number, int length);

    [LoggerMessage(36, LogLevel.Error, "Message {MessageId} is left as it stands ({Fault}); it is taken up again when its lease has ended")]
    public static partial void SmsLeftToLease(ILogger logger, Guid messageId, string fault);

    [LoggerMessage(71, LogLevel.Error, "What stands in line before the model cannot be dispatched ({Fault}); everything else is")]
    public static partial void LineNotDispatched(ILogger logger, string fault);

    [LoggerMessage(70, LogLevel.Error, "What is to be sent to user {UserId} cannot be read ({Fault}); mend the rows of that user")]
    public static partial void SmsUnreadable(ILogger logger, string userId, string fault);

    [LoggerMessage(37, LogLevel.Error, "The sender cannot work ({Fault}); it tries again in a moment")]
    public static partial void SenderFault(ILogger logger, string fault);

    [LoggerMessage(38, LogLevel.Information, "Message {MessageId} of user {UserId}: the provider reports it {Status}")]
    public static partial void SmsReported(ILogger logger, Guid messageId, string userId, string status);

    [LoggerMessage(39, LogLevel.Information, "User {UserId} has written")]
    public static partial void InboundStored(ILogger logger, string userId);

    [LoggerMessage(40, LogLevel.Information, "User {UserId} has written; the webhook came again and changed nothing")]
    public static partial void InboundAgain(ILogger logger, string userId);

    [LoggerMessage(41, LogLevel.Warning, "Somebody has written from a number that is no user's; it is not stored")]
    public static partial void InboundFromNobody(ILogger logger);

    [LoggerMessage(42, LogLevel.Information, "User {UserId} has opted out; {Cancelled} waiting messages cancelled")]
    public static partial void UserOptedOut(ILogger logger, string userId, int cancelled);

    [LoggerMessage(43, LogLevel.Information, "User {UserId} has opted in again")]
    public static partial void UserOptedIn(ILogger logger, string userId);

    [LoggerMessage(50, LogLevel.Information, "Message {MessageId} of user {UserId} is with the model")]
    public static partial void MessageWithModel(ILogger logger, Guid messageId, string userId);

    [LoggerMessage(51, LogLevel.Information, "The model on message {MessageId}: {Code}, {LatencyMs} ms")]
    public static partial void ModelAsked(ILogger logger, Guid messageId, string code, long latencyMs);

    [LoggerMessage(52, LogLevel.Warning, "What the model said of a message of user {UserId} came too late: the message is in other hands")]
    public static partial void LeaseLost(ILogger logger, string userId);

    [LoggerMessage(53, LogLevel.Error, "A message of user {UserId} cannot be put before the model ({Fault}); it is tried again later")]
    public static partial void RenderFault(ILogger logger, string userId, string fault);

    [LoggerMessage(56, LogLevel.Error, "agent_actions_log took no row on a message of user {UserId} ({Fault})")]
    public static partial void TrailRowLost(ILogger logger, string userId, string fault);

    [LoggerMessage(54, LogLevel.Warning, "Message {MessageId} of user {UserId} is not delivered: {Code}")]
    public static partial void RenderingEnded(ILogger logger, Guid messageId, string userId, string code);

    [LoggerMessage(55, LogLevel.Warning, "A message of user {UserId} is ready but could not be dispatched at once ({Fault}); the next dispatch takes it")]
    public static partial void RenderedLeftToNextDispatch(ILogger logger, string userId, string fault);

    [LoggerMessage(44, LogLevel.Warning, "A request to {Path} with a signature that is not Twilio's was refused")]
    public static partial void SignatureRefused(ILogger logger, string path);

    [LoggerMessage(60, LogLevel.Information, "Message {MessageId} of user {UserId} changed: {Fields}; scheduled for {ScheduledFor}")]
    public static partial void MessageChanged(ILogger logger, Guid messageId, string userId, string fields, Instant scheduledFor);

    [LoggerMessage(63, LogLevel.Information, "User {UserId} created")]
    public static partial void UserCreated(ILogger logger, string userId);

    [LoggerMessage(61, LogLevel.Information, "User {UserId} changed")]
    public static partial void UserChanged(ILogger logger, string userId);

    [LoggerMessage(62, LogLevel.Warning, "User {UserId} is changed, but what waits could not be dispatched at once ({Fault}); the next dispatch takes it")]
    public static partial void ChangeLeftToNextDispatch(ILogger logger, string userId, string fault);

    [LoggerMessage(80, LogLevel.Information, "{Pruned} messages that left the queue long ago were deleted")]
    public static partial void Pruned(ILogger logger, int pruned);

    [LoggerMessage(81, LogLevel.Warning, "Old messages could not be deleted ({Fault}); it is tried again in a few minutes")]
    public static partial void NotPruned(ILogger logger, string fault);

    [LoggerMessage(84, LogLevel.Warning, "Another table refers to messages that are old enough to be deleted ({Fault}); those are kept")]
    public static partial void PruningRefused(ILogger logger, string fault);

    [LoggerMessage(83, LogLevel.Warning, "What became due could not be dispatched ({Fault}); the next tick takes it")]
    public static partial void WakeFailed(ILogger logger, string fault);

    [LoggerMessage(72, LogLevel.Warning, "The queue could not be measured ({Fault}); its metrics are left out")]
    public static partial void QueueNotMeasured(ILogger logger, string fault);
}
