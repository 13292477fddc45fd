-- People over HTTP: when a user's row was last changed. An adopted table mostly has the column.
ALTER TABLE users ADD COLUMN IF NOT EXISTS updated_at timestamptz DEFAULT now();
