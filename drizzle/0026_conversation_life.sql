CREATE TABLE "app"."user_events" (
	"user_id" uuid NOT NULL,
	"seq" bigint NOT NULL,
	"kind" text NOT NULL,
	"data" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "user_events_user_id_seq_pk" PRIMARY KEY("user_id","seq")
);
--> statement-breakpoint
ALTER TABLE "app"."user_events" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."user_streams" (
	"user_id" uuid PRIMARY KEY NOT NULL,
	"last_seq" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "app"."user_streams" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."conversation_settings" (
	"conversation_id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"history" text NOT NULL,
	"member_permissions" integer NOT NULL,
	"slow_mode_seconds" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
ALTER TABLE "app"."conversation_settings" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."conversation_states" (
	"conversation_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"last_read_seq" bigint DEFAULT 0 NOT NULL,
	"public_read_seq" bigint DEFAULT 0 NOT NULL,
	"muted_until" timestamp with time zone,
	"is_archived" boolean DEFAULT false NOT NULL,
	"notify" text DEFAULT 'all' NOT NULL,
	CONSTRAINT "conversation_states_conversation_id_user_id_pk" PRIMARY KEY("conversation_id","user_id")
);
--> statement-breakpoint
ALTER TABLE "app"."conversation_states" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."message_edits" (
	"conversation_id" uuid NOT NULL,
	"message_seq" bigint NOT NULL,
	"rev" integer NOT NULL,
	"body" text NOT NULL,
	"replaced_at" timestamp with time zone NOT NULL,
	CONSTRAINT "message_edits_conversation_id_message_seq_rev_pk" PRIMARY KEY("conversation_id","message_seq","rev")
);
--> statement-breakpoint
ALTER TABLE "app"."message_edits" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."message_mentions" (
	"conversation_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"message_seq" bigint NOT NULL,
	CONSTRAINT "message_mentions_conversation_id_user_id_message_seq_pk" PRIMARY KEY("conversation_id","user_id","message_seq")
);
--> statement-breakpoint
ALTER TABLE "app"."message_mentions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."message_reactions" (
	"conversation_id" uuid NOT NULL,
	"message_seq" bigint NOT NULL,
	"user_id" uuid NOT NULL,
	"emoji" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "message_reactions_conversation_id_message_seq_emoji_user_id_pk" PRIMARY KEY("conversation_id","message_seq","emoji","user_id")
);
--> statement-breakpoint
ALTER TABLE "app"."message_reactions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."pinned_messages" (
	"conversation_id" uuid NOT NULL,
	"message_seq" bigint NOT NULL,
	"pinned_by" uuid NOT NULL,
	"pinned_at" timestamp with time zone NOT NULL,
	CONSTRAINT "pinned_messages_conversation_id_message_seq_pk" PRIMARY KEY("conversation_id","message_seq")
);
--> statement-breakpoint
ALTER TABLE "app"."pinned_messages" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."thread_states" (
	"conversation_id" uuid NOT NULL,
	"thread_seq" bigint NOT NULL,
	"user_id" uuid NOT NULL,
	"last_read_seq" bigint DEFAULT 0 NOT NULL,
	"is_following" boolean DEFAULT true NOT NULL,
	CONSTRAINT "thread_states_conversation_id_user_id_thread_seq_pk" PRIMARY KEY("conversation_id","user_id","thread_seq")
);
--> statement-breakpoint
ALTER TABLE "app"."thread_states" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "app"."conversation_events" ADD COLUMN "message_seq" bigint;--> statement-breakpoint
ALTER TABLE "app"."conversation_members" ADD COLUMN "permissions" integer DEFAULT 7 NOT NULL;--> statement-breakpoint
ALTER TABLE "app"."conversation_members" ADD COLUMN "visible_from" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "app"."messages" ADD COLUMN "reply_seq" bigint;--> statement-breakpoint
ALTER TABLE "app"."messages" ADD COLUMN "thread_seq" bigint;--> statement-breakpoint
ALTER TABLE "app"."messages" ADD COLUMN "rev" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "app"."messages" ADD COLUMN "edited_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "app"."messages" ADD COLUMN "deleted_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "app"."messages" ADD COLUMN "deleted_by" uuid;--> statement-breakpoint
ALTER TABLE "app"."messages" ADD COLUMN "mentions" uuid[];--> statement-breakpoint
ALTER TABLE "app"."messages" ADD COLUMN "mentions_all" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "app"."messages" ADD COLUMN "tickers" text[];--> statement-breakpoint
ALTER TABLE "app"."messages" ADD COLUMN "attachments" jsonb;--> statement-breakpoint
ALTER TABLE "app"."user_events" ADD CONSTRAINT "user_events_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."user_streams" ADD CONSTRAINT "user_streams_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."conversation_settings" ADD CONSTRAINT "conversation_settings_conversation_id_conversations_id_fk" FOREIGN KEY ("conversation_id") REFERENCES "app"."conversations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."conversation_states" ADD CONSTRAINT "conversation_states_member" FOREIGN KEY ("conversation_id","user_id") REFERENCES "app"."conversation_members"("conversation_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."message_edits" ADD CONSTRAINT "message_edits_message" FOREIGN KEY ("conversation_id","message_seq") REFERENCES "app"."messages"("conversation_id","seq") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."message_mentions" ADD CONSTRAINT "message_mentions_message" FOREIGN KEY ("conversation_id","message_seq") REFERENCES "app"."messages"("conversation_id","seq") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."message_mentions" ADD CONSTRAINT "message_mentions_member" FOREIGN KEY ("conversation_id","user_id") REFERENCES "app"."conversation_members"("conversation_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."message_reactions" ADD CONSTRAINT "message_reactions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."message_reactions" ADD CONSTRAINT "message_reactions_message" FOREIGN KEY ("conversation_id","message_seq") REFERENCES "app"."messages"("conversation_id","seq") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."pinned_messages" ADD CONSTRAINT "pinned_messages_pinned_by_users_id_fk" FOREIGN KEY ("pinned_by") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."pinned_messages" ADD CONSTRAINT "pinned_messages_message" FOREIGN KEY ("conversation_id","message_seq") REFERENCES "app"."messages"("conversation_id","seq") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."thread_states" ADD CONSTRAINT "thread_states_message" FOREIGN KEY ("conversation_id","thread_seq") REFERENCES "app"."messages"("conversation_id","seq") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."thread_states" ADD CONSTRAINT "thread_states_member" FOREIGN KEY ("conversation_id","user_id") REFERENCES "app"."conversation_members"("conversation_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "user_events_created_at_index" ON "app"."user_events" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "conversation_states_user_id_conversation_id_index" ON "app"."conversation_states" USING btree ("user_id","conversation_id");--> statement-breakpoint
CREATE INDEX "message_mentions_conversation_id_message_seq_index" ON "app"."message_mentions" USING btree ("conversation_id","message_seq");--> statement-breakpoint
CREATE INDEX "message_reactions_user_id_index" ON "app"."message_reactions" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "pinned_messages_pinned_by_index" ON "app"."pinned_messages" USING btree ("pinned_by");--> statement-breakpoint
CREATE INDEX "thread_states_conversation_id_thread_seq_index" ON "app"."thread_states" USING btree ("conversation_id","thread_seq");--> statement-breakpoint
ALTER TABLE "app"."messages" ADD CONSTRAINT "messages_deleted_by_users_id_fk" FOREIGN KEY ("deleted_by") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "messages_thread" ON "app"."messages" USING btree ("conversation_id","thread_seq","seq") WHERE "app"."messages"."thread_seq" is not null;--> statement-breakpoint
CREATE INDEX "messages_deleted_by" ON "app"."messages" USING btree ("deleted_by") WHERE "app"."messages"."deleted_by" is not null;--> statement-breakpoint
-- The owner is bound by row-level security as well, and is let off for what follows.
alter table app.conversations no force row level security;--> statement-breakpoint
alter table app.conversation_members no force row level security;--> statement-breakpoint
-- What owners, admins and moderators may do everywhere, and plain members of two and of groups so far.
update app.conversation_members m set permissions = case
  when m.role in ('owner', 'admin') then 1023
  when (select c.kind from app.conversations c where c.id = m.conversation_id) = 'direct' then 23
  else 7 end;--> statement-breakpoint
insert into app.conversation_settings (conversation_id, name, history, member_permissions)
  select id, coalesce(name, ''), 'all', 7 from app.conversations where kind <> 'direct';--> statement-breakpoint
alter table app.conversations force row level security;--> statement-breakpoint
alter table app.conversation_members force row level security;--> statement-breakpoint
-- The acting user's permissions in a conversation, or null for who is not in it. It runs as its owner for the same
-- reason as the role: a policy on the members that asked the members would call itself.
create function app.conversation_permissions(conversation uuid) returns integer
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
  as $$
    select m.permissions from app.conversation_members m
    where m.conversation_id = conversation and m.user_id = app.user_id() and m.left_seq is null
  $$;--> statement-breakpoint
revoke execute on function app.conversation_permissions(uuid) from public;--> statement-breakpoint
grant execute on function app.conversation_permissions(uuid) to frm_app;--> statement-breakpoint
CREATE POLICY "messages_app_edit" ON "app"."messages" AS PERMISSIVE FOR UPDATE TO "frm_app" USING ("app"."messages"."sender_id" = (select app.user_id()) and "app"."messages"."deleted_at" is null and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."messages"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null));--> statement-breakpoint
CREATE POLICY "messages_app_moderate" ON "app"."messages" AS PERMISSIVE FOR UPDATE TO "frm_app" USING ("app"."messages"."deleted_at" is null and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."messages"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.permissions & 128 <> 0)) WITH CHECK ("app"."messages"."deleted_at" is not null and "app"."messages"."deleted_by" = (select app.user_id()) and "app"."messages"."body" = '');--> statement-breakpoint
CREATE POLICY "user_events_app_select" ON "app"."user_events" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."user_events"."user_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "user_events_app_insert" ON "app"."user_events" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "user_events_system_select" ON "app"."user_events" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "user_events_system_insert" ON "app"."user_events" AS PERMISSIVE FOR INSERT TO "frm_system" WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "user_events_system_delete" ON "app"."user_events" AS PERMISSIVE FOR DELETE TO "frm_system" USING ("app"."user_events"."created_at" < now() - interval '30 days' or exists (select 1 from app.accounts a where a.user_id = "app"."user_events"."user_id" and a.erasing_since is not null));--> statement-breakpoint
CREATE POLICY "user_streams_app" ON "app"."user_streams" AS PERMISSIVE FOR ALL TO "frm_app" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "user_streams_system" ON "app"."user_streams" AS PERMISSIVE FOR ALL TO "frm_system" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "settings_app_select" ON "app"."conversation_settings" AS PERMISSIVE FOR SELECT TO "frm_app" USING (app.conversation_role("app"."conversation_settings"."conversation_id") is not null or exists (select 1 from app.conversations c where c.id = "app"."conversation_settings"."conversation_id" and c.created_by = (select app.user_id()) and c.last_seq = 1));--> statement-breakpoint
CREATE POLICY "settings_app_insert" ON "app"."conversation_settings" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK (exists (select 1 from app.conversations c where c.id = "app"."conversation_settings"."conversation_id" and c.created_by = (select app.user_id()) and c.last_seq = 1));--> statement-breakpoint
CREATE POLICY "settings_app_update" ON "app"."conversation_settings" AS PERMISSIVE FOR UPDATE TO "frm_app" USING (app.conversation_permissions("app"."conversation_settings"."conversation_id") & 256 <> 0);--> statement-breakpoint
CREATE POLICY "settings_system_select" ON "app"."conversation_settings" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "states_app_select" ON "app"."conversation_states" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."conversation_states"."user_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "states_app_insert" ON "app"."conversation_states" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK ("app"."conversation_states"."user_id" = (select app.user_id()) and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."conversation_states"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null));--> statement-breakpoint
CREATE POLICY "states_app_update" ON "app"."conversation_states" AS PERMISSIVE FOR UPDATE TO "frm_app" USING ("app"."conversation_states"."user_id" = (select app.user_id()) and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."conversation_states"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null));--> statement-breakpoint
CREATE POLICY "states_system_select" ON "app"."conversation_states" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "states_system_delete" ON "app"."conversation_states" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."conversation_states"."user_id" and a.erasing_since is not null));--> statement-breakpoint
CREATE POLICY "edits_app_select" ON "app"."message_edits" AS PERMISSIVE FOR SELECT TO "frm_app" USING (exists (select 1 from app.conversation_members m where m.conversation_id = "app"."message_edits"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.visible_from <= "app"."message_edits"."message_seq"));--> statement-breakpoint
CREATE POLICY "edits_app_insert" ON "app"."message_edits" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK (exists (select 1 from app.conversation_members m where m.conversation_id = "app"."message_edits"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null) and exists (select 1 from app.messages m where m.conversation_id = "app"."message_edits"."conversation_id" and m.seq = "app"."message_edits"."message_seq" and m.sender_id = (select app.user_id())));--> statement-breakpoint
CREATE POLICY "edits_app_delete" ON "app"."message_edits" AS PERMISSIVE FOR DELETE TO "frm_app" USING (exists (select 1 from app.conversation_members m where m.conversation_id = "app"."message_edits"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null) and (exists (select 1 from app.messages m where m.conversation_id = "app"."message_edits"."conversation_id" and m.seq = "app"."message_edits"."message_seq" and m.sender_id = (select app.user_id())) or exists (select 1 from app.conversation_members m where m.conversation_id = "app"."message_edits"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.permissions & 128 <> 0)));--> statement-breakpoint
CREATE POLICY "edits_system_select" ON "app"."message_edits" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "mentions_app_select" ON "app"."message_mentions" AS PERMISSIVE FOR SELECT TO "frm_app" USING (("app"."message_mentions"."user_id" = (select app.user_id()) and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."message_mentions"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.visible_from <= "app"."message_mentions"."message_seq")) or exists (select 1 from app.messages m where m.conversation_id = "app"."message_mentions"."conversation_id" and m.seq = "app"."message_mentions"."message_seq" and m.sender_id = (select app.user_id())) or exists (select 1 from app.conversation_members m where m.conversation_id = "app"."message_mentions"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.permissions & 128 <> 0));--> statement-breakpoint
CREATE POLICY "mentions_app_insert" ON "app"."message_mentions" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK (exists (select 1 from app.conversation_members m where m.conversation_id = "app"."message_mentions"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null) and exists (select 1 from app.messages m where m.conversation_id = "app"."message_mentions"."conversation_id" and m.seq = "app"."message_mentions"."message_seq" and m.sender_id = (select app.user_id())));--> statement-breakpoint
CREATE POLICY "mentions_app_delete" ON "app"."message_mentions" AS PERMISSIVE FOR DELETE TO "frm_app" USING (exists (select 1 from app.conversation_members m where m.conversation_id = "app"."message_mentions"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null) and (exists (select 1 from app.messages m where m.conversation_id = "app"."message_mentions"."conversation_id" and m.seq = "app"."message_mentions"."message_seq" and m.sender_id = (select app.user_id())) or exists (select 1 from app.conversation_members m where m.conversation_id = "app"."message_mentions"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.permissions & 128 <> 0)));--> statement-breakpoint
CREATE POLICY "mentions_system_select" ON "app"."message_mentions" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "mentions_system_delete" ON "app"."message_mentions" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."message_mentions"."user_id" and a.erasing_since is not null));--> statement-breakpoint
CREATE POLICY "reactions_app_select" ON "app"."message_reactions" AS PERMISSIVE FOR SELECT TO "frm_app" USING (exists (select 1 from app.conversation_members m where m.conversation_id = "app"."message_reactions"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.visible_from <= "app"."message_reactions"."message_seq"));--> statement-breakpoint
CREATE POLICY "reactions_app_insert" ON "app"."message_reactions" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK ("app"."message_reactions"."user_id" = (select app.user_id()) and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."message_reactions"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.visible_from <= "app"."message_reactions"."message_seq") and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."message_reactions"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.permissions & 2 <> 0));--> statement-breakpoint
CREATE POLICY "reactions_app_delete" ON "app"."message_reactions" AS PERMISSIVE FOR DELETE TO "frm_app" USING (("app"."message_reactions"."user_id" = (select app.user_id()) and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."message_reactions"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null)) or exists (select 1 from app.messages m where m.conversation_id = "app"."message_reactions"."conversation_id" and m.seq = "app"."message_reactions"."message_seq" and m.sender_id = (select app.user_id())) or exists (select 1 from app.conversation_members m where m.conversation_id = "app"."message_reactions"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.permissions & 128 <> 0));--> statement-breakpoint
CREATE POLICY "reactions_system_select" ON "app"."message_reactions" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "reactions_system_delete" ON "app"."message_reactions" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."message_reactions"."user_id" and a.erasing_since is not null));--> statement-breakpoint
CREATE POLICY "pins_app_select" ON "app"."pinned_messages" AS PERMISSIVE FOR SELECT TO "frm_app" USING (exists (select 1 from app.conversation_members m where m.conversation_id = "app"."pinned_messages"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.visible_from <= "app"."pinned_messages"."message_seq"));--> statement-breakpoint
CREATE POLICY "pins_app_insert" ON "app"."pinned_messages" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK ("app"."pinned_messages"."pinned_by" = (select app.user_id()) and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."pinned_messages"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.permissions & 16 <> 0));--> statement-breakpoint
CREATE POLICY "pins_app_delete" ON "app"."pinned_messages" AS PERMISSIVE FOR DELETE TO "frm_app" USING (exists (select 1 from app.conversation_members m where m.conversation_id = "app"."pinned_messages"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.permissions & 144 <> 0) or (exists (select 1 from app.conversation_members m where m.conversation_id = "app"."pinned_messages"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null) and exists (select 1 from app.messages m where m.conversation_id = "app"."pinned_messages"."conversation_id" and m.seq = "app"."pinned_messages"."message_seq" and m.sender_id = (select app.user_id()))));--> statement-breakpoint
CREATE POLICY "pins_system_select" ON "app"."pinned_messages" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "thread_states_app_select" ON "app"."thread_states" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."thread_states"."user_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "thread_states_app_insert" ON "app"."thread_states" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK ("app"."thread_states"."user_id" = (select app.user_id()) and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."thread_states"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.visible_from <= "app"."thread_states"."thread_seq"));--> statement-breakpoint
CREATE POLICY "thread_states_app_update" ON "app"."thread_states" AS PERMISSIVE FOR UPDATE TO "frm_app" USING ("app"."thread_states"."user_id" = (select app.user_id()) and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."thread_states"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null));--> statement-breakpoint
CREATE POLICY "thread_states_system_select" ON "app"."thread_states" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "thread_states_system_delete" ON "app"."thread_states" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."thread_states"."user_id" and a.erasing_since is not null));--> statement-breakpoint
ALTER POLICY "events_app_select" ON "app"."conversation_events" TO frm_app USING (exists (select 1 from app.conversation_members m where m.conversation_id = "app"."conversation_events"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.visible_from <= "app"."conversation_events"."seq"));--> statement-breakpoint
ALTER POLICY "members_app_insert_creator" ON "app"."conversation_members" TO frm_app WITH CHECK (exists (select 1 from app.conversations c where c.id = "app"."conversation_members"."conversation_id" and c.created_by = (select app.user_id()) and c.last_seq = 1 and (c.kind <> 'direct' or "app"."conversation_members"."user_id"::text = any (string_to_array(c.direct_key, ':')))));--> statement-breakpoint
ALTER POLICY "members_app_insert_admin" ON "app"."conversation_members" TO frm_app WITH CHECK (app.conversation_permissions("app"."conversation_members"."conversation_id") & 32 <> 0 and "app"."conversation_members"."role" in ('member', 'reader'));--> statement-breakpoint
ALTER POLICY "members_app_update_admin" ON "app"."conversation_members" TO frm_app USING (app.conversation_permissions("app"."conversation_members"."conversation_id") & 608 <> 0) WITH CHECK (app.conversation_permissions("app"."conversation_members"."conversation_id") & 608 <> 0 and ("app"."conversation_members"."role" <> 'owner' or app.conversation_role("app"."conversation_members"."conversation_id") = 'owner'));--> statement-breakpoint
ALTER POLICY "messages_app_select" ON "app"."messages" TO frm_app USING (exists (select 1 from app.conversation_members m where m.conversation_id = "app"."messages"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.visible_from <= "app"."messages"."seq"));--> statement-breakpoint
ALTER POLICY "messages_app_insert" ON "app"."messages" TO frm_app WITH CHECK ("app"."messages"."sender_id" = (select app.user_id()) and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."messages"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.permissions & 1 <> 0));--> statement-breakpoint
ALTER TABLE "app"."conversations" DROP COLUMN "name";
