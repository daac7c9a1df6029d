CREATE TABLE "app"."bus_outbox" (
	"id" uuid PRIMARY KEY NOT NULL,
	"channel" text NOT NULL,
	"seq" bigint,
	"payload" text,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "app"."bus_outbox" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."dev_secrets" (
	"name" text PRIMARY KEY NOT NULL,
	"value" text NOT NULL
);
--> statement-breakpoint
ALTER TABLE "app"."dev_secrets" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."accounts" (
	"user_id" uuid PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"password_hash" text,
	"role" text DEFAULT 'user' NOT NULL,
	"tier" text DEFAULT 'free' NOT NULL,
	"locale" text DEFAULT 'vi' NOT NULL,
	CONSTRAINT "accounts_email_unique" UNIQUE("email")
);
--> statement-breakpoint
ALTER TABLE "app"."accounts" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."sessions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"refresh_key" "bytea" NOT NULL,
	"refresh_counter" integer DEFAULT 0 NOT NULL,
	"refreshed_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"revoked_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "app"."sessions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."users" (
	"id" uuid PRIMARY KEY NOT NULL,
	"display_name" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "app"."users" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."conversation_events" (
	"conversation_id" uuid NOT NULL,
	"seq" bigint NOT NULL,
	"kind" text NOT NULL,
	"actor_id" uuid NOT NULL,
	"message_id" uuid,
	"data" jsonb,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "conversation_events_conversation_id_seq_pk" PRIMARY KEY("conversation_id","seq")
);
--> statement-breakpoint
ALTER TABLE "app"."conversation_events" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."conversation_members" (
	"conversation_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"role" text DEFAULT 'member' NOT NULL,
	"joined_seq" bigint NOT NULL,
	"left_seq" bigint,
	CONSTRAINT "conversation_members_conversation_id_user_id_pk" PRIMARY KEY("conversation_id","user_id")
);
--> statement-breakpoint
ALTER TABLE "app"."conversation_members" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."conversations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"name" text,
	"direct_key" text,
	"created_by" uuid NOT NULL,
	"last_seq" bigint DEFAULT 0 NOT NULL,
	"last_no" bigint DEFAULT 0 NOT NULL,
	"last_event_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "conversations_direct_key" UNIQUE("direct_key")
);
--> statement-breakpoint
ALTER TABLE "app"."conversations" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"conversation_id" uuid NOT NULL,
	"no" bigint NOT NULL,
	"seq" bigint NOT NULL,
	"sender_id" uuid NOT NULL,
	"client_id" uuid NOT NULL,
	"body" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "messages_conversation_seq" UNIQUE("conversation_id","seq"),
	CONSTRAINT "messages_client_id" UNIQUE("conversation_id","sender_id","client_id")
);
--> statement-breakpoint
ALTER TABLE "app"."messages" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "app"."accounts" ADD CONSTRAINT "accounts_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."sessions" ADD CONSTRAINT "sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."conversation_events" ADD CONSTRAINT "conversation_events_conversation_id_conversations_id_fk" FOREIGN KEY ("conversation_id") REFERENCES "app"."conversations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."conversation_events" ADD CONSTRAINT "conversation_events_actor_id_users_id_fk" FOREIGN KEY ("actor_id") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."conversation_events" ADD CONSTRAINT "conversation_events_message_id_messages_id_fk" FOREIGN KEY ("message_id") REFERENCES "app"."messages"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."conversation_members" ADD CONSTRAINT "conversation_members_conversation_id_conversations_id_fk" FOREIGN KEY ("conversation_id") REFERENCES "app"."conversations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."conversation_members" ADD CONSTRAINT "conversation_members_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."conversations" ADD CONSTRAINT "conversations_created_by_users_id_fk" FOREIGN KEY ("created_by") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."messages" ADD CONSTRAINT "messages_conversation_id_conversations_id_fk" FOREIGN KEY ("conversation_id") REFERENCES "app"."conversations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."messages" ADD CONSTRAINT "messages_sender_id_users_id_fk" FOREIGN KEY ("sender_id") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "bus_outbox_created_at_index" ON "app"."bus_outbox" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "sessions_user_id_index" ON "app"."sessions" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "conversation_events_actor_id_index" ON "app"."conversation_events" USING btree ("actor_id");--> statement-breakpoint
CREATE INDEX "conversation_events_message_id_index" ON "app"."conversation_events" USING btree ("message_id");--> statement-breakpoint
CREATE INDEX "conversation_members_user_id_conversation_id_index" ON "app"."conversation_members" USING btree ("user_id","conversation_id");--> statement-breakpoint
CREATE INDEX "conversations_last_event_at_id_index" ON "app"."conversations" USING btree ("last_event_at","id");--> statement-breakpoint
CREATE INDEX "conversations_created_by_index" ON "app"."conversations" USING btree ("created_by");--> statement-breakpoint
CREATE INDEX "messages_sender_id_index" ON "app"."messages" USING btree ("sender_id");--> statement-breakpoint
CREATE POLICY "bus_outbox_app_insert" ON "app"."bus_outbox" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "bus_outbox_auth_insert" ON "app"."bus_outbox" AS PERMISSIVE FOR INSERT TO "frm_auth" WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "bus_outbox_system" ON "app"."bus_outbox" AS PERMISSIVE FOR ALL TO "frm_system" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "dev_secrets_auth" ON "app"."dev_secrets" AS PERMISSIVE FOR ALL TO "frm_auth" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "accounts_app_select" ON "app"."accounts" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."accounts"."user_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "accounts_auth" ON "app"."accounts" AS PERMISSIVE FOR ALL TO "frm_auth" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "sessions_auth" ON "app"."sessions" AS PERMISSIVE FOR ALL TO "frm_auth" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "users_app_select" ON "app"."users" AS PERMISSIVE FOR SELECT TO "frm_app" USING (true);--> statement-breakpoint
CREATE POLICY "users_auth" ON "app"."users" AS PERMISSIVE FOR ALL TO "frm_auth" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "events_app_select" ON "app"."conversation_events" AS PERMISSIVE FOR SELECT TO "frm_app" USING (exists (select 1 from app.conversation_members m where m.conversation_id = "app"."conversation_events"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null));--> statement-breakpoint
CREATE POLICY "events_app_insert" ON "app"."conversation_events" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK ("app"."conversation_events"."actor_id" = (select app.user_id()) and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."conversation_events"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null));--> statement-breakpoint
CREATE POLICY "events_system_select" ON "app"."conversation_events" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "members_app_select" ON "app"."conversation_members" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."conversation_members"."user_id" = (select app.user_id()) or app.conversation_role("app"."conversation_members"."conversation_id") is not null);--> statement-breakpoint
CREATE POLICY "members_app_insert_creator" ON "app"."conversation_members" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK (exists (select 1 from app.conversations c where c.id = "app"."conversation_members"."conversation_id" and c.created_by = (select app.user_id()) and c.last_seq = 1));--> statement-breakpoint
CREATE POLICY "members_app_insert_admin" ON "app"."conversation_members" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK (app.conversation_role("app"."conversation_members"."conversation_id") in ('owner', 'admin') and "app"."conversation_members"."role" = 'member');--> statement-breakpoint
CREATE POLICY "members_app_update_admin" ON "app"."conversation_members" AS PERMISSIVE FOR UPDATE TO "frm_app" USING (app.conversation_role("app"."conversation_members"."conversation_id") in ('owner', 'admin'));--> statement-breakpoint
CREATE POLICY "members_app_leave" ON "app"."conversation_members" AS PERMISSIVE FOR UPDATE TO "frm_app" USING ("app"."conversation_members"."user_id" = (select app.user_id()) and "app"."conversation_members"."left_seq" is null) WITH CHECK ("app"."conversation_members"."user_id" = (select app.user_id()) and "app"."conversation_members"."left_seq" is not null);--> statement-breakpoint
CREATE POLICY "members_system_select" ON "app"."conversation_members" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "members_owner_select" ON "app"."conversation_members" AS PERMISSIVE FOR SELECT TO "frm_owner" USING (true);--> statement-breakpoint
CREATE POLICY "conversations_app_select" ON "app"."conversations" AS PERMISSIVE FOR SELECT TO "frm_app" USING (app.conversation_role("app"."conversations"."id") is not null or ("app"."conversations"."created_by" = (select app.user_id()) and "app"."conversations"."last_seq" = 1));--> statement-breakpoint
CREATE POLICY "conversations_app_insert" ON "app"."conversations" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK ("app"."conversations"."created_by" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "conversations_app_update" ON "app"."conversations" AS PERMISSIVE FOR UPDATE TO "frm_app" USING (app.conversation_role("app"."conversations"."id") is not null);--> statement-breakpoint
CREATE POLICY "conversations_system_select" ON "app"."conversations" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "messages_app_select" ON "app"."messages" AS PERMISSIVE FOR SELECT TO "frm_app" USING (exists (select 1 from app.conversation_members m where m.conversation_id = "app"."messages"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null));--> statement-breakpoint
CREATE POLICY "messages_app_insert" ON "app"."messages" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK ("app"."messages"."sender_id" = (select app.user_id()) and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."messages"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null));--> statement-breakpoint
CREATE POLICY "messages_system_select" ON "app"."messages" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);