CREATE TABLE "app"."account_export_chunks" (
	"export_id" uuid NOT NULL,
	"no" integer NOT NULL,
	"user_id" uuid NOT NULL,
	"body" text NOT NULL,
	CONSTRAINT "account_export_chunks_export_id_no_pk" PRIMARY KEY("export_id","no")
);
--> statement-breakpoint
ALTER TABLE "app"."account_export_chunks" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."account_exports" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"state" text NOT NULL,
	"requested_at" timestamp with time zone NOT NULL,
	"ready_at" timestamp with time zone,
	"expires_at" timestamp with time zone NOT NULL,
	"bytes" bigint DEFAULT 0 NOT NULL,
	"attempt" uuid
);
--> statement-breakpoint
ALTER TABLE "app"."account_exports" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "app"."accounts" ADD COLUMN "deletion_requested_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "app"."accounts" ADD COLUMN "deletion_due_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "app"."users" ADD COLUMN "closed_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "app"."users" ADD COLUMN "erased_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "app"."account_export_chunks" ADD CONSTRAINT "account_export_chunks_export_id_account_exports_id_fk" FOREIGN KEY ("export_id") REFERENCES "app"."account_exports"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."account_export_chunks" ADD CONSTRAINT "account_export_chunks_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."account_exports" ADD CONSTRAINT "account_exports_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "account_export_chunks_user_id_index" ON "app"."account_export_chunks" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "account_exports_user_id_id_index" ON "app"."account_exports" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "account_exports_expires_at_index" ON "app"."account_exports" USING btree ("expires_at");--> statement-breakpoint
CREATE UNIQUE INDEX "account_exports_one_waiting" ON "app"."account_exports" USING btree ("user_id") WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX "accounts_deletion_due" ON "app"."accounts" USING btree ("deletion_due_at") WHERE "app"."accounts"."deletion_due_at" is not null;--> statement-breakpoint
CREATE POLICY "email_changes_system_delete" ON "app"."email_changes" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."email_changes"."user_id" and a.deletion_due_at <= now()));--> statement-breakpoint
CREATE POLICY "accounts_system_close" ON "app"."accounts" AS PERMISSIVE FOR UPDATE TO "frm_system" USING ("app"."accounts"."deletion_due_at" <= now());--> statement-breakpoint
CREATE POLICY "accounts_system_delete" ON "app"."accounts" AS PERMISSIVE FOR DELETE TO "frm_system" USING ("app"."accounts"."deletion_due_at" <= now());--> statement-breakpoint
CREATE POLICY "sessions_system_select" ON "app"."sessions" AS PERMISSIVE FOR SELECT TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."sessions"."user_id" and a.deletion_due_at <= now()));--> statement-breakpoint
CREATE POLICY "sessions_system_delete" ON "app"."sessions" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."sessions"."user_id" and a.deletion_due_at <= now()));--> statement-breakpoint
CREATE POLICY "users_system_erase" ON "app"."users" AS PERMISSIVE FOR UPDATE TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."users"."id" and a.deletion_due_at <= now()));--> statement-breakpoint
CREATE POLICY "members_system_succeed" ON "app"."conversation_members" AS PERMISSIVE FOR UPDATE TO "frm_system" USING (exists (select 1 from app.conversation_members o join app.accounts a on a.user_id = o.user_id where o.conversation_id = "app"."conversation_members"."conversation_id" and o.role = 'owner' and a.deletion_due_at <= now())) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "conversations_system_delete" ON "app"."conversations" AS PERMISSIVE FOR DELETE TO "frm_system" USING (not exists (select 1 from app.conversation_members m join app.accounts a on a.user_id = m.user_id where m.conversation_id = "app"."conversations"."id" and (a.deletion_due_at is null or a.deletion_due_at > now())));--> statement-breakpoint
CREATE POLICY "recovery_codes_system_select" ON "app"."recovery_codes" AS PERMISSIVE FOR SELECT TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."recovery_codes"."user_id" and a.deletion_due_at <= now()));--> statement-breakpoint
CREATE POLICY "recovery_codes_system_delete" ON "app"."recovery_codes" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."recovery_codes"."user_id" and a.deletion_due_at <= now()));--> statement-breakpoint
CREATE POLICY "totp_secrets_system_select" ON "app"."totp_secrets" AS PERMISSIVE FOR SELECT TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."totp_secrets"."user_id" and a.deletion_due_at <= now()));--> statement-breakpoint
CREATE POLICY "totp_secrets_system_delete" ON "app"."totp_secrets" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.accounts a where a.user_id = "app"."totp_secrets"."user_id" and a.deletion_due_at <= now()));--> statement-breakpoint
CREATE POLICY "account_export_chunks_app_select" ON "app"."account_export_chunks" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."account_export_chunks"."user_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "account_export_chunks_system_select" ON "app"."account_export_chunks" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "account_export_chunks_system_insert" ON "app"."account_export_chunks" AS PERMISSIVE FOR INSERT TO "frm_system" WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "account_export_chunks_system_delete" ON "app"."account_export_chunks" AS PERMISSIVE FOR DELETE TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "account_exports_app_select" ON "app"."account_exports" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."account_exports"."user_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "account_exports_app_insert" ON "app"."account_exports" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK ("app"."account_exports"."user_id" = (select app.user_id()) and "app"."account_exports"."state" = 'waiting');--> statement-breakpoint
CREATE POLICY "account_exports_system_select" ON "app"."account_exports" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "account_exports_system_update" ON "app"."account_exports" AS PERMISSIVE FOR UPDATE TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "account_exports_system_delete" ON "app"."account_exports" AS PERMISSIVE FOR DELETE TO "frm_system" USING (true);