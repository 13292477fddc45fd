using NodaTime;
using Orchestrator.Core;
using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Service.Sms;

/// <summary>Finds out whether the provider took a request that it never answered: among what it lists, and nobody accounts for yet.</summary>
/// <param name="provider">Who is asked.</param>
/// <param name="ledger">What is accounted for.</param>
public sealed class SmsInquiry(ISmsProvider provider, SmsLedger ledger)
{
    /// <summary>How far the provider's clock may be behind the database's. Generous: what is accounted for is left out anyway.</summary>
    private static readonly Duration ClockDifference = Duration.FromMinutes(15);

    /// <summary>What the provider took for the message's last request; null: it shows nothing.</summary>
    /// <exception cref="SmsProviderException">The provider could not be asked.</exception>
    internal async Task<ListedSms?> FindAsync(TurnRow turn, Instant requestedAt, CancellationToken cancellationToken)
    {
        var (account, sender, recipient) = turn.RequestedAccount is null
            ? (provider.Account.Id, provider.Account.Number, turn.PhoneNumber)
            : (turn.RequestedAccount, turn.RequestedSender, turn.RequestedRecipient);
        if (account != provider.Account.Id || string.IsNullOrEmpty(sender) || string.IsNullOrEmpty(recipient))
        {
            throw new SmsProviderException(new SmsFault(
                SmsFaultKind.Later, "other_account", "The request was made on another account or to a number that is gone, which cannot be asked about."));
        }

        // The provider lists what it took by the number in its own form, which this is not.
        if (!recipient.StartsWith('+'))
        {
            throw new SmsProviderException(new SmsFault(
                SmsFaultKind.Later, "other_form", "The request was made to a number without its plus and country code, which cannot be asked about."));
        }

        var since = requestedAt - ClockDifference;
        var listed = await provider.ListAsync(sender, recipient, since, cancellationToken);
        var alike = listed.Where(sms => sms.CreatedAt >= since && SameText.Is(turn.Content, sms.Body)).ToList();
        if (alike.Count == 0)
            return null;

        var known = await ledger.FindKnownSidsAsync(alike.Select(sms => sms.Sid), cancellationToken);
        return alike.FirstOrDefault(sms => !known.Contains(sms.Sid));
    }
}
