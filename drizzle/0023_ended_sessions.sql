CREATE INDEX "sessions_living" ON "app"."sessions" USING btree ("user_id") WHERE "app"."sessions"."revoked_at" is null;--> statement-breakpoint
CREATE INDEX "sessions_ended" ON "app"."sessions" USING btree (least("revoked_at", "expires_at"));--> statement-breakpoint
CREATE POLICY "sessions_system_select_ended" ON "app"."sessions" AS PERMISSIVE FOR SELECT TO "frm_system" USING (least("app"."sessions"."revoked_at", "app"."sessions"."expires_at") < now() - interval '30 days');--> statement-breakpoint
CREATE POLICY "sessions_system_delete_ended" ON "app"."sessions" AS PERMISSIVE FOR DELETE TO "frm_system" USING (least("app"."sessions"."revoked_at", "app"."sessions"."expires_at") < now() - interval '30 days');--> statement-breakpoint

-- The background work reads when a session ended, and deletes by it; of what the row says about a device it sees nothing.
grant select (expires_at) on app.sessions to frm_system;
