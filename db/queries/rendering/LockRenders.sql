-- What is left of a claim, locked: others may have taken a message over, changed it or called it off while the model was at it.
SELECT q.id, text_to_send(q.final_message, q.message_data) IS NOT NULL AS has_content,
  md5(row(q.message_data, q.final_message, q.requires_fresh_context)::text) AS digest, q.render_attempts, q.verdicts
FROM message_queue q
WHERE q.id = ANY (@ids) AND q.status = 'queued' AND q.render_claim = @claim
ORDER BY q.id
FOR UPDATE
