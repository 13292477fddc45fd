-- Everything has come to an end, or waits for a time in the future and says why; nobody who is gone holds anything.
WITH clock AS (
  SELECT @now AS now
), crowd AS (
  SELECT user_id, count(*) AS waiting FROM message_queue WHERE status = 'queued' GROUP BY user_id
), waiting AS (
  SELECT q.*, now, crowd.waiting,
    limits.has_daily_limit,
    pg_temp.is_night(q.user_id, now) OR limits.has_daily_limit
      OR q.can_delay AND q.priority IN ('medium', 'low') AND pg_temp.has_written(q.user_id, '-infinity', now) AS may_wait_for_another_day
  FROM message_queue q
  JOIN crowd USING (user_id)
  CROSS JOIN clock
  CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM user_message_budget b WHERE b.user_id = q.user_id AND b.daily_limit IS NOT NULL) AS has_daily_limit) AS limits
  WHERE q.status = 'queued'
)
SELECT format('%s has been due since %s (%s)', id, scheduled_for, reason) FROM waiting WHERE scheduled_for < now - interval '3 seconds'
UNION ALL
SELECT format('%s is with a model (%s)', id, render_claim) FROM waiting WHERE reason = 'rendering' OR render_claim IS NOT NULL
UNION ALL
SELECT format('%s waits until %s and does not say why', id, scheduled_for)
FROM waiting WHERE scheduled_for > now AND reason IS NULL AND not_before IS DISTINCT FROM scheduled_for
UNION ALL
-- The reason is the first rule that held it back, and the time that at which the last one lets it go: another day, where there is a night, a
-- daily limit or a best time to come after it.
SELECT format('%s waits until %s because of %s', id, scheduled_for, reason)
FROM waiting
WHERE scheduled_for > now + interval '30 seconds' * (waiting + 1) + CASE WHEN has_daily_limit THEN interval '1 day' * waiting ELSE interval '0' END + CASE
  WHEN reason IN ('model_unavailable', 'queue_busy') AND NOT may_wait_for_another_day THEN interval '5 minutes'
  WHEN reason = 'cooldown' AND NOT may_wait_for_another_day THEN interval '0'
  WHEN reason = 'not_before' AND NOT may_wait_for_another_day THEN interval '1 minute'
  WHEN reason = 'quiet_hours' THEN interval '11 hours'
  WHEN reason = 'sequence_unfinished' THEN interval '24 hours'
  WHEN reason IN ('model_unavailable', 'queue_busy', 'cooldown', 'not_before', 'best_time', 'daily_limit_reached') THEN interval '36 hours'
  ELSE interval '0' END
UNION ALL
SELECT format('%s waits for the end of a night that there is not', id) FROM waiting WHERE reason = 'quiet_hours' AND NOT pg_temp.is_night(user_id, now)
UNION ALL
SELECT format('%s waits for the rest of its sequence, which is all there', w.id)
FROM waiting w
WHERE w.reason = 'sequence_unfinished'
  AND (SELECT count(*) FROM message_queue q WHERE q.sequence_id = w.sequence_id AND q.user_id = w.user_id) = w.sequence_total
UNION ALL
SELECT format('%s is %s, and nobody knows since when', id, status) FROM message_queue WHERE status <> 'queued' AND finished_at IS NULL
UNION ALL
SELECT format('%s is being sent', id) FROM messages WHERE status = 'sending'
UNION ALL
SELECT format('%s has a request out whose outcome nobody has found out', user_id) FROM sms_turns WHERE requested_at IS NOT NULL
UNION ALL
-- Its turn is over, or somebody has it for whom no fault and no night gives a reason.
SELECT format('%s holds the turn of %s until %s, and is %s', t.message_id, t.user_id, t.due_at, m.status)
FROM sms_turns t LEFT JOIN messages m ON m.id = t.message_id CROSS JOIN clock
WHERE t.message_id IS NOT NULL
  AND (m.status IS DISTINCT FROM 'pending' OR m.sms_error IS NULL OR t.due_at < now - interval '3 seconds' OR t.due_at > now + interval '6 minutes')
UNION ALL
SELECT format('%s is pending, and nothing keeps it from being sent', m.id)
FROM messages m LEFT JOIN sms_turns t ON t.user_id = m.user_id CROSS JOIN clock
WHERE m.direction = 'outbound' AND m.status = 'pending' AND t.message_id IS NULL
  AND (t.last_sent_at IS NULL OR t.last_sent_at < now - interval '33 seconds') AND coalesce(m.sms_not_before, 'epoch') < now - interval '3 seconds'
UNION ALL
SELECT format('Nothing is sent because of %s since %s', stopped_by, stopped_at) FROM sms_gate WHERE stopped_at IS NOT NULL
