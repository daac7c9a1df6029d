CREATE TABLE "app"."blocks" (
	"blocker_id" uuid NOT NULL,
	"blocked_id" uuid NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "blocks_blocker_id_blocked_id_pk" PRIMARY KEY("blocker_id","blocked_id")
);
--> statement-breakpoint
ALTER TABLE "app"."blocks" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "app"."blocks" ADD CONSTRAINT "blocks_blocker_id_users_id_fk" FOREIGN KEY ("blocker_id") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."blocks" ADD CONSTRAINT "blocks_blocked_id_users_id_fk" FOREIGN KEY ("blocked_id") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "blocks_blocked_id_index" ON "app"."blocks" USING btree ("blocked_id");--> statement-breakpoint
CREATE INDEX "blocks_blocker_id_created_at_blocked_id_index" ON "app"."blocks" USING btree ("blocker_id","created_at","blocked_id");--> statement-breakpoint
CREATE INDEX "messages_search" ON "app"."messages" USING gin (app.search_terms("conversation_id", "body")) WITH (fastupdate=false);--> statement-breakpoint
CREATE POLICY "members_owner_settle" ON "app"."conversation_members" AS PERMISSIVE FOR UPDATE TO "frm_owner" USING (exists (select 1 from app.conversations c where c.id = "app"."conversation_members"."conversation_id"));--> statement-breakpoint
CREATE POLICY "conversations_owner_select" ON "app"."conversations" AS PERMISSIVE FOR SELECT TO "frm_owner" USING ("app"."conversations"."kind" = 'direct' and (select app.user_id())::text = any (string_to_array("app"."conversations"."direct_key", ':')));--> statement-breakpoint
CREATE POLICY "messages_owner_select" ON "app"."messages" AS PERMISSIVE FOR SELECT TO "frm_owner" USING (true);--> statement-breakpoint
CREATE POLICY "blocks_app_select" ON "app"."blocks" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."blocks"."blocker_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "blocks_app_insert" ON "app"."blocks" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK ("app"."blocks"."blocker_id" = (select app.user_id()) and "app"."blocks"."blocked_id" <> (select app.user_id()));--> statement-breakpoint
CREATE POLICY "blocks_app_delete" ON "app"."blocks" AS PERMISSIVE FOR DELETE TO "frm_app" USING ("app"."blocks"."blocker_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "blocks_owner_select" ON "app"."blocks" AS PERMISSIVE FOR SELECT TO "frm_owner" USING ("app"."blocks"."blocker_id" = (select app.user_id()) or "app"."blocks"."blocked_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "blocks_system_select" ON "app"."blocks" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "blocks_system_delete" ON "app"."blocks" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."blocks"."blocker_id" and a.erasing_since is not null));