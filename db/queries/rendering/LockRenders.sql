-- What is left of a claim, locked: others may have taken a message over, changed it or called it off while the model was at it.
SELECT q.id, text_to_send(q.final_message, q.message_data) IS NOT NULL AS has_content,
  md5(row(q.message_data, q.final_message)::text) AS digest, q.render_attempts, plain_time(q.render_failing_since) AS failing_since, q.verdicts
FROM message_queue q
WHERE q.id = ANY (@ids) AND q.status = 'queued' AND q.render_claim = @claim
ORDER BY q.id
FOR UPDATE
