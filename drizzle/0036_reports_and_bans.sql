CREATE TABLE "app"."reports" (
	"id" uuid PRIMARY KEY NOT NULL,
	"reporter_id" uuid NOT NULL,
	"reported_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"message_id" uuid NOT NULL,
	"message_seq" bigint NOT NULL,
	"reason" text NOT NULL,
	"note" text NOT NULL,
	"snapshot" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"state" text DEFAULT 'open' NOT NULL,
	"action" text,
	"resolution" text,
	"resolved_by" uuid,
	"resolved_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "app"."reports" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."conversation_bans" (
	"conversation_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"barred_by" uuid NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "conversation_bans_conversation_id_user_id_pk" PRIMARY KEY("conversation_id","user_id")
);
--> statement-breakpoint
ALTER TABLE "app"."conversation_bans" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "app"."reports" ADD CONSTRAINT "reports_reporter_id_users_id_fk" FOREIGN KEY ("reporter_id") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."reports" ADD CONSTRAINT "reports_reported_id_users_id_fk" FOREIGN KEY ("reported_id") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."reports" ADD CONSTRAINT "reports_resolved_by_users_id_fk" FOREIGN KEY ("resolved_by") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."conversation_bans" ADD CONSTRAINT "conversation_bans_conversation_id_conversations_id_fk" FOREIGN KEY ("conversation_id") REFERENCES "app"."conversations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."conversation_bans" ADD CONSTRAINT "conversation_bans_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."conversation_bans" ADD CONSTRAINT "conversation_bans_barred_by_users_id_fk" FOREIGN KEY ("barred_by") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "reports_open" ON "app"."reports" USING btree ("reporter_id","conversation_id","message_seq") WHERE "app"."reports"."state" = 'open';--> statement-breakpoint
CREATE INDEX "reports_open_message" ON "app"."reports" USING btree ("conversation_id","message_seq") WHERE "app"."reports"."state" = 'open';--> statement-breakpoint
CREATE INDEX "reports_created_at_id_index" ON "app"."reports" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "reports_reporter_id_created_at_index" ON "app"."reports" USING btree ("reporter_id","created_at");--> statement-breakpoint
CREATE INDEX "reports_reported_id_index" ON "app"."reports" USING btree ("reported_id");--> statement-breakpoint
CREATE INDEX "reports_resolved_by" ON "app"."reports" USING btree ("resolved_by") WHERE "app"."reports"."resolved_by" is not null;--> statement-breakpoint
CREATE INDEX "conversation_bans_user_id_index" ON "app"."conversation_bans" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "conversation_bans_barred_by_index" ON "app"."conversation_bans" USING btree ("barred_by");--> statement-breakpoint
CREATE POLICY "events_system_take_out" ON "app"."conversation_events" AS PERMISSIVE FOR INSERT TO "frm_system" WITH CHECK ("app"."conversation_events"."kind" = 'msg.del' and exists (select 1 from app.reports r where r.conversation_id = "app"."conversation_events"."conversation_id" and r.message_seq = "app"."conversation_events"."message_seq" and r.state = 'open'));--> statement-breakpoint
CREATE POLICY "conversations_system_append" ON "app"."conversations" AS PERMISSIVE FOR UPDATE TO "frm_system" USING (exists (select 1 from app.reports r where r.conversation_id = "app"."conversations"."id" and r.state = 'open'));--> statement-breakpoint
CREATE POLICY "mentions_system_take_out" ON "app"."message_mentions" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.reports r where r.conversation_id = "app"."message_mentions"."conversation_id" and r.message_seq = "app"."message_mentions"."message_seq" and r.state = 'open'));--> statement-breakpoint
CREATE POLICY "reactions_system_take_out" ON "app"."message_reactions" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.reports r where r.conversation_id = "app"."message_reactions"."conversation_id" and r.message_seq = "app"."message_reactions"."message_seq" and r.state = 'open'));--> statement-breakpoint
CREATE POLICY "pins_system_take_out" ON "app"."pinned_messages" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.reports r where r.conversation_id = "app"."pinned_messages"."conversation_id" and r.message_seq = "app"."pinned_messages"."message_seq" and r.state = 'open'));--> statement-breakpoint
CREATE POLICY "edits_system_take_out" ON "app"."message_edits" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.reports r where r.conversation_id = "app"."message_edits"."conversation_id" and r.message_seq = "app"."message_edits"."message_seq" and r.state = 'open'));--> statement-breakpoint
CREATE POLICY "messages_system_take_out" ON "app"."messages" AS PERMISSIVE FOR UPDATE TO "frm_system" USING ("app"."messages"."deleted_at" is null and exists (select 1 from app.reports r where r.conversation_id = "app"."messages"."conversation_id" and r.message_seq = "app"."messages"."seq" and r.state = 'open')) WITH CHECK ("app"."messages"."deleted_at" is not null and "app"."messages"."body" = '');--> statement-breakpoint
CREATE POLICY "reports_app_select" ON "app"."reports" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."reports"."reporter_id" = (select app.user_id()) or ((select app.staff_role()) is not null and "app"."reports"."reported_id" <> (select app.user_id())));--> statement-breakpoint
CREATE POLICY "reports_app_insert" ON "app"."reports" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK ("app"."reports"."reporter_id" = (select app.user_id()) and "app"."reports"."reported_id" <> (select app.user_id()) and "app"."reports"."state" = 'open' and exists (select 1 from app.conversation_members m where m.conversation_id = "app"."reports"."conversation_id" and m.user_id = (select app.user_id()) and m.left_seq is null and m.visible_from <= "app"."reports"."message_seq"));--> statement-breakpoint
CREATE POLICY "reports_app_resolve" ON "app"."reports" AS PERMISSIVE FOR UPDATE TO "frm_app" USING ((select app.staff_role()) is not null and "app"."reports"."reported_id" <> (select app.user_id()) and "app"."reports"."state" = 'open') WITH CHECK ("app"."reports"."state" = 'resolved' and "app"."reports"."resolved_by" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "reports_system_select" ON "app"."reports" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "reports_system_delete" ON "app"."reports" AS PERMISSIVE FOR DELETE TO "frm_system" USING (coalesce("app"."reports"."resolved_at", "app"."reports"."created_at" + interval '180 days') < now() - interval '180 days');--> statement-breakpoint
CREATE POLICY "bans_app_select" ON "app"."conversation_bans" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."conversation_bans"."user_id" = (select app.user_id()) or app.conversation_permissions("app"."conversation_bans"."conversation_id") & 96 <> 0);--> statement-breakpoint
CREATE POLICY "bans_app_insert" ON "app"."conversation_bans" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK ("app"."conversation_bans"."barred_by" = (select app.user_id()) and "app"."conversation_bans"."user_id" <> (select app.user_id()) and app.conversation_permissions("app"."conversation_bans"."conversation_id") & 64 <> 0);--> statement-breakpoint
CREATE POLICY "bans_app_delete" ON "app"."conversation_bans" AS PERMISSIVE FOR DELETE TO "frm_app" USING (app.conversation_permissions("app"."conversation_bans"."conversation_id") & 64 <> 0);--> statement-breakpoint
CREATE POLICY "bans_system_select" ON "app"."conversation_bans" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "bans_system_delete" ON "app"."conversation_bans" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."conversation_bans"."user_id" and a.erasing_since is not null));