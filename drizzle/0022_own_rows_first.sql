DROP POLICY "audit_admin_select" ON "app"."audit_entries" CASCADE;--> statement-breakpoint
DROP POLICY "accounts_staff_select" ON "app"."accounts" CASCADE;--> statement-breakpoint
DROP POLICY "sessions_staff_select" ON "app"."sessions" CASCADE;--> statement-breakpoint
ALTER POLICY "audit_app_select" ON "app"."audit_entries" TO frm_app USING ("app"."audit_entries"."user_id" = (select app.user_id()) or (select app.staff_role()) = 'admin');--> statement-breakpoint
ALTER POLICY "accounts_app_select" ON "app"."accounts" TO frm_app USING ("app"."accounts"."user_id" = (select app.user_id()) or (select app.staff_role()) is not null);--> statement-breakpoint
ALTER POLICY "sessions_app_select" ON "app"."sessions" TO frm_app USING ("app"."sessions"."user_id" = (select app.user_id()) or (select app.staff_role()) is not null);