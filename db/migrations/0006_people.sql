-- People over HTTP: when a user's row was last changed. An adopted table mostly has the column.
ALTER TABLE users ADD COLUMN IF NOT EXISTS updated_at timestamptz DEFAULT now();

-- Adds a user with these columns, and no others, so that an adopted table's own defaults fill the rest. False: the user is there already.
CREATE FUNCTION create_user(user_id text, given_columns text[], given_values text[]) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  columns text;
  expressions text;
  added integer;
BEGIN
  SELECT string_agg(', ' || quote_ident(given.name), ''), string_agg(', ' || quote_nullable(given.value), '')
  INTO columns, expressions
  FROM unnest(given_columns, given_values) AS given (name, value);

  EXECUTE format('INSERT INTO users (id%s) VALUES (%L%s) ON CONFLICT (id) DO NOTHING', columns, user_id, expressions);
  GET DIAGNOSTICS added = ROW_COUNT;
  RETURN added > 0;
END $$;
