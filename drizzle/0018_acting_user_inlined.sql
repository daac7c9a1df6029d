-- Written as one expression that is parsed now, the function needs no path of its own, so that Postgres puts the
-- expression into the policies that ask for it instead of calling the function with every statement.
create or replace function app.user_id() returns uuid
  language sql stable parallel safe
  return (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;
