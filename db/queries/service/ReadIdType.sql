-- Whether user and conversation ids are uuids (an adopted database) rather than opaque text.
SELECT 'external_id'::regtype::oid IN (SELECT t.oid FROM pg_type t WHERE t.typbasetype = 'uuid'::regtype)
