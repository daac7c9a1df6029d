CREATE TABLE "app"."audit_entries" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"actor_id" uuid,
	"action" text NOT NULL,
	"session_id" uuid,
	"network" text,
	"data" jsonb,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "app"."audit_entries" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "app"."accounts" ADD COLUMN "version" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "app"."accounts" ADD COLUMN "banned_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "app"."sessions" ADD COLUMN "seen_counter" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "app"."sessions" ADD COLUMN "authenticated_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "app"."sessions" ADD COLUMN "methods" text[] DEFAULT '{"password"}' NOT NULL;--> statement-breakpoint
ALTER TABLE "app"."sessions" ADD COLUMN "device" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "app"."sessions" ADD COLUMN "network" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "app"."sessions" ADD COLUMN "last_seen_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "app"."audit_entries" ADD CONSTRAINT "audit_entries_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "app"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."audit_entries" ADD CONSTRAINT "audit_entries_actor_id_users_id_fk" FOREIGN KEY ("actor_id") REFERENCES "app"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "audit_entries_user_id_created_at_id_index" ON "app"."audit_entries" USING btree ("user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "audit_entries_actor_id_index" ON "app"."audit_entries" USING btree ("actor_id");--> statement-breakpoint
CREATE POLICY "sessions_app_select" ON "app"."sessions" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."sessions"."user_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "sessions_app_update" ON "app"."sessions" AS PERMISSIVE FOR UPDATE TO "frm_app" USING ("app"."sessions"."user_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "audit_app_select" ON "app"."audit_entries" AS PERMISSIVE FOR SELECT TO "frm_app" USING ("app"."audit_entries"."user_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "audit_app_insert" ON "app"."audit_entries" AS PERMISSIVE FOR INSERT TO "frm_app" WITH CHECK ("app"."audit_entries"."actor_id" = (select app.user_id()));--> statement-breakpoint
CREATE POLICY "audit_auth_insert" ON "app"."audit_entries" AS PERMISSIVE FOR INSERT TO "frm_auth" WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "audit_system_insert" ON "app"."audit_entries" AS PERMISSIVE FOR INSERT TO "frm_system" WITH CHECK (true);