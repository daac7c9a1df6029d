CREATE TABLE "app"."recovery_codes" (
	"user_id" uuid NOT NULL,
	"digest" "bytea" NOT NULL,
	CONSTRAINT "recovery_codes_user_id_digest_pk" PRIMARY KEY("user_id","digest")
);
--> statement-breakpoint
ALTER TABLE "app"."recovery_codes" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."totp_secrets" (
	"user_id" uuid PRIMARY KEY NOT NULL,
	"key_id" text NOT NULL,
	"sealed" "bytea" NOT NULL,
	"last_step" bigint DEFAULT 0 NOT NULL,
	"code_failures_until" timestamp with time zone,
	"recovery_failures_until" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	"confirmed_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "app"."totp_secrets" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "app"."recovery_codes" ADD CONSTRAINT "recovery_codes_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."totp_secrets" ADD CONSTRAINT "totp_secrets_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "totp_secrets_key_id_index" ON "app"."totp_secrets" USING btree ("key_id");--> statement-breakpoint
CREATE POLICY "recovery_codes_auth" ON "app"."recovery_codes" AS PERMISSIVE FOR ALL TO "frm_auth" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "recovery_codes_app_select" ON "app"."recovery_codes" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."recovery_codes"."user_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "totp_secrets_auth" ON "app"."totp_secrets" AS PERMISSIVE FOR ALL TO "frm_auth" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "totp_secrets_app_select" ON "app"."totp_secrets" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."totp_secrets"."user_id" = (select app.user_id()));