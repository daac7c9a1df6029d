ALTER TABLE "app"."conversation_states" ADD COLUMN "last_sent_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "app"."conversations" ADD COLUMN "member_count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
DROP POLICY "members_system_succeed" ON "app"."conversation_members" CASCADE;--> statement-breakpoint
CREATE POLICY "members_app_rejoin" ON "app"."conversation_members" AS PERMISSIVE FOR UPDATE TO "frm_app" USING ("app"."conversation_members"."left_seq" is not null and app.conversation_permissions("app"."conversation_members"."conversation_id") & 32 <> 0) WITH CHECK ("app"."conversation_members"."user_id" <> (select app.user_id()) and app.conversation_permissions("app"."conversation_members"."conversation_id") & 32 <> 0 and "app"."conversation_members"."role" in ('member', 'reader') and "app"."conversation_members"."permissions" & ~app.conversation_permissions("app"."conversation_members"."conversation_id") = 0);--> statement-breakpoint
CREATE POLICY "states_owner_select" ON "app"."conversation_states" AS PERMISSIVE FOR SELECT TO "frm_owner" USING (true);--> statement-breakpoint
ALTER POLICY "members_app_insert_admin" ON "app"."conversation_members" TO frm_app WITH CHECK (app.conversation_permissions("app"."conversation_members"."conversation_id") & 32 <> 0 and "app"."conversation_members"."role" in ('member', 'reader') and "app"."conversation_members"."permissions" & ~app.conversation_permissions("app"."conversation_members"."conversation_id") = 0);--> statement-breakpoint
ALTER POLICY "members_app_update_admin" ON "app"."conversation_members" TO frm_app USING (app.conversation_permissions("app"."conversation_members"."conversation_id") & 832 <> 0 and (app.conversation_role("app"."conversation_members"."conversation_id") = 'owner' or ("app"."conversation_members"."user_id" <> (select app.user_id()) and array_position(array['reader', 'member', 'moderator', 'admin'], "app"."conversation_members"."role") < array_position(array['reader', 'member', 'moderator', 'admin'], app.conversation_role("app"."conversation_members"."conversation_id"))))) WITH CHECK (app.conversation_permissions("app"."conversation_members"."conversation_id") & 832 <> 0 and (app.conversation_role("app"."conversation_members"."conversation_id") = 'owner' or ("app"."conversation_members"."user_id" <> (select app.user_id()) and array_position(array['reader', 'member', 'moderator', 'admin'], "app"."conversation_members"."role") < array_position(array['reader', 'member', 'moderator', 'admin'], app.conversation_role("app"."conversation_members"."conversation_id")))) and "app"."conversation_members"."permissions" & ~app.conversation_permissions("app"."conversation_members"."conversation_id") = 0);--> statement-breakpoint
-- The owner is bound by row-level security as well, and is let off for the counts that stand for what there is.
alter table app.conversations no force row level security;--> statement-breakpoint
alter table app.conversation_members no force row level security;--> statement-breakpoint
update app.conversations c set member_count =
  (select count(*) from app.conversation_members m where m.conversation_id = c.id and m.left_seq is null);--> statement-breakpoint
alter table app.conversations force row level security;--> statement-breakpoint
alter table app.conversation_members force row level security;--> statement-breakpoint
grant update (member_count) on app.conversations to frm_app;--> statement-breakpoint
grant update (last_sent_at) on app.conversation_states to frm_app;--> statement-breakpoint
-- How far the others have read is told to members of small conversations alone, and never what is theirs in the row.
create function app.public_reads(conversation uuid) returns table (user_id uuid, seq bigint)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
  as $$
    select m.user_id, coalesce(s.public_read_seq, 0)
    from app.conversation_members m
    left join app.conversation_states s on s.conversation_id = m.conversation_id and s.user_id = m.user_id
    where m.conversation_id = conversation and m.left_seq is null
      and app.conversation_role(conversation) is not null
      and (select count(*) from (
        select 1 from app.conversation_members o
        where o.conversation_id = conversation and o.left_seq is null limit 101
      ) as few) <= 100
  $$;--> statement-breakpoint
revoke execute on function app.public_reads(uuid) from public;--> statement-breakpoint
grant execute on function app.public_reads(uuid) to frm_app;
--> statement-breakpoint
-- Who is being erased hands their groups on in their own name.
revoke update (role, permissions) on app.conversation_members from frm_system;
--> statement-breakpoint
-- In a larger group only how many have read a message.
create function app.count_readers(conversation uuid, message bigint, sender uuid) returns integer
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
  as $$
    select count(*)::integer
    from app.conversation_members m
    join app.conversation_states s on s.conversation_id = m.conversation_id and s.user_id = m.user_id
    where m.conversation_id = conversation and m.left_seq is null and m.user_id <> sender
      and s.public_read_seq >= message and app.conversation_role(conversation) is not null
  $$;--> statement-breakpoint
revoke execute on function app.count_readers(uuid, bigint, uuid) from public;--> statement-breakpoint
grant execute on function app.count_readers(uuid, bigint, uuid) to frm_app;
