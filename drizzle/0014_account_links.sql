CREATE TABLE "app"."account_tokens" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"purpose" text NOT NULL,
	"digest" "bytea" NOT NULL,
	"email" text NOT NULL,
	"change_id" uuid,
	"mail_id" uuid NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "account_tokens_digest_unique" UNIQUE("digest")
);
--> statement-breakpoint
ALTER TABLE "app"."account_tokens" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."email_changes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"old_email" text NOT NULL,
	"new_email" text NOT NULL,
	"old_confirmed_at" timestamp with time zone,
	"new_confirmed_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "email_changes_user_id_unique" UNIQUE("user_id")
);
--> statement-breakpoint
ALTER TABLE "app"."email_changes" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "app"."accounts" ADD COLUMN "email_verified_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "app"."account_tokens" ADD CONSTRAINT "account_tokens_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."account_tokens" ADD CONSTRAINT "account_tokens_change_id_email_changes_id_fk" FOREIGN KEY ("change_id") REFERENCES "app"."email_changes"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."email_changes" ADD CONSTRAINT "email_changes_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "account_tokens_user_id_purpose_index" ON "app"."account_tokens" USING btree ("user_id","purpose");--> statement-breakpoint
CREATE INDEX "account_tokens_change_id_index" ON "app"."account_tokens" USING btree ("change_id");--> statement-breakpoint
CREATE INDEX "account_tokens_expires_at_index" ON "app"."account_tokens" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "email_changes_expires_at_index" ON "app"."email_changes" USING btree ("expires_at");--> statement-breakpoint
CREATE POLICY "account_tokens_auth_select" ON "app"."account_tokens" AS PERMISSIVE FOR SELECT TO "frm_auth" USING (true);--> statement-breakpoint
CREATE POLICY "account_tokens_auth_delete" ON "app"."account_tokens" AS PERMISSIVE FOR DELETE TO "frm_auth" USING (true);--> statement-breakpoint
CREATE POLICY "account_tokens_system_select" ON "app"."account_tokens" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "account_tokens_system_insert" ON "app"."account_tokens" AS PERMISSIVE FOR INSERT TO "frm_system" WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "account_tokens_system_delete" ON "app"."account_tokens" AS PERMISSIVE FOR DELETE TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "email_changes_auth" ON "app"."email_changes" AS PERMISSIVE FOR ALL TO "frm_auth" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "email_changes_system_select" ON "app"."email_changes" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);