-- Functions that policies call. Their bodies name tables that the next migration creates.
set local check_function_bodies = off;
--> statement-breakpoint
-- The acting user, from the same setting that PostgREST and Supabase use; null when nobody is signed in.
create function app.user_id() returns uuid
  language sql stable parallel safe
  set search_path = ''
  as $$ select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
--> statement-breakpoint
-- The acting user's role in a conversation, or null for who is not in it. It runs as its owner, because a policy on
-- the members that asked the members would call itself.
create function app.conversation_role(conversation uuid) returns text
  language sql stable security definer
  set search_path = ''
  as $$
    select m.role from app.conversation_members m
    where m.conversation_id = conversation and m.user_id = app.user_id() and m.left_seq is null
  $$;
--> statement-breakpoint
revoke execute on function app.conversation_role(uuid) from public;
--> statement-breakpoint
grant execute on function app.conversation_role(uuid) to frm_app;
--> statement-breakpoint
grant usage on schema app to frm_app, frm_auth, frm_system, frm_public;
