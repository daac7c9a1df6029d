CREATE TABLE "app"."job_outbox" (
	"id" uuid PRIMARY KEY NOT NULL,
	"queue" text NOT NULL,
	"kind" text NOT NULL,
	"version" smallint NOT NULL,
	"payload" jsonb NOT NULL,
	"max_attempts" smallint NOT NULL,
	"batch" bigint,
	"created_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "app"."job_outbox" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."job_outbox_head" (
	"queue" text PRIMARY KEY NOT NULL,
	"last_batch" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "app"."job_outbox_head" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE INDEX "job_outbox_waiting" ON "app"."job_outbox" USING btree ("queue","id") WHERE "app"."job_outbox"."batch" is null;--> statement-breakpoint
CREATE INDEX "job_outbox_sent" ON "app"."job_outbox" USING btree ("queue","batch") WHERE "app"."job_outbox"."batch" is not null;--> statement-breakpoint
CREATE POLICY "accounts_system_select" ON "app"."accounts" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "users_system_select" ON "app"."users" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "job_outbox_app_insert" ON "app"."job_outbox" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "job_outbox_auth_insert" ON "app"."job_outbox" AS PERMISSIVE FOR INSERT TO "frm_auth" WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "job_outbox_system" ON "app"."job_outbox" AS PERMISSIVE FOR ALL TO "frm_system" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "job_outbox_head_system" ON "app"."job_outbox_head" AS PERMISSIVE FOR ALL TO "frm_system" USING (true) WITH CHECK (true);