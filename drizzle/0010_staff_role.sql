-- The acting user's role where it is more than a user's, or null; a ban takes it away at once. It runs as its owner,
-- because a policy on the accounts that asked the accounts would call itself.
create function app.staff_role() returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
  as $$
    select a.role from app.accounts a
    where a.user_id = app.user_id() and a.role <> 'user' and a.banned_at is null
  $$;
--> statement-breakpoint
revoke execute on function app.staff_role() from public;
--> statement-breakpoint
grant execute on function app.staff_role() to frm_app;
--> statement-breakpoint
-- Which rows these columns may be changed in is for the policies to say: none of a user's own.
grant select (version, banned_at), update (role, tier, version, banned_at) on app.accounts to frm_app;
