-- Keeps what the model made of messages that LockRenders holds. Where a verdict leaves the content as it is, earlier words go.
UPDATE message_queue q
SET final_message = coalesce(r.text, CASE WHEN r.judged_at IS NULL OR message_text(q.message_data) IS NULL THEN q.final_message END),
  judged_at = coalesce(r.judged_at, q.judged_at), verdicts = q.verdicts + r.verdicts,
  render_attempts = 0
FROM unnest(@ids::uuid[], @texts::text[], @judgedAts::timestamptz[], @verdicts::integer[]) AS r (id, text, judged_at, verdicts)
WHERE q.id = r.id
