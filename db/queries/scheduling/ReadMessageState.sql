-- Where a message stands now.
SELECT q.status, q.scheduled_for, q.reason FROM message_queue q WHERE q.id = @id
