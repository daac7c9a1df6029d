CREATE TABLE "app"."presence_settings" (
	"user_id" uuid PRIMARY KEY NOT NULL,
	"visible_to" text DEFAULT 'contacts' NOT NULL,
	"last_seen_to" text DEFAULT 'contacts' NOT NULL,
	"is_invisible" boolean DEFAULT false NOT NULL,
	"last_seen_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "app"."presence_settings" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "app"."presence_settings" ADD CONSTRAINT "presence_settings_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE POLICY "presence_app_select" ON "app"."presence_settings" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."presence_settings"."user_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "presence_app_insert" ON "app"."presence_settings" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK ("app"."presence_settings"."user_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "presence_app_update" ON "app"."presence_settings" AS PERMISSIVE FOR UPDATE TO "frm_app" USING ("app"."presence_settings"."user_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "presence_system_select" ON "app"."presence_settings" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "presence_system_insert" ON "app"."presence_settings" AS PERMISSIVE FOR INSERT TO "frm_system" WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "presence_system_update" ON "app"."presence_settings" AS PERMISSIVE FOR UPDATE TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "presence_system_erase" ON "app"."presence_settings" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."presence_settings"."user_id" and a.erasing_since is not null));