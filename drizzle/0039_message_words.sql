CREATE TABLE "app"."message_words" (
	"conversation_id" uuid NOT NULL,
	"message_seq" bigint NOT NULL,
	"message_id" uuid NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"words" "tsvector" NOT NULL,
	CONSTRAINT "message_words_conversation_id_message_seq_pk" PRIMARY KEY("conversation_id","message_seq")
);
--> statement-breakpoint
ALTER TABLE "app"."message_words" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "app"."search_states" (
	"conversation_id" uuid PRIMARY KEY NOT NULL,
	"indexed_seq" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
ALTER TABLE "app"."search_states" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "app"."messages" DROP CONSTRAINT "messages_client_id";--> statement-breakpoint
DROP INDEX "app"."messages_search";--> statement-breakpoint
ALTER TABLE "app"."message_words" ADD CONSTRAINT "message_words_message" FOREIGN KEY ("conversation_id","message_seq") REFERENCES "app"."messages"("conversation_id","seq") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."search_states" ADD CONSTRAINT "search_states_conversation_id_conversations_id_fk" FOREIGN KEY ("conversation_id") REFERENCES "app"."conversations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "message_words_search" ON "app"."message_words" USING gin ("words") WITH (fastupdate=false);--> statement-breakpoint
ALTER TABLE "app"."messages" ADD CONSTRAINT "messages_client_id" UNIQUE("sender_id","client_id","conversation_id");--> statement-breakpoint
CREATE POLICY "words_system_select" ON "app"."message_words" AS PERMISSIVE FOR SELECT TO "frm_system" USING (true);--> statement-breakpoint
CREATE POLICY "words_system_insert" ON "app"."message_words" AS PERMISSIVE FOR INSERT TO "frm_system" WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "words_system_take_out" ON "app"."message_words" AS PERMISSIVE FOR DELETE TO "frm_system" USING (exists (select 1 from app.reports r where r.conversation_id = "app"."message_words"."conversation_id" and r.message_seq = "app"."message_words"."message_seq" and r.state = 'open'));--> statement-breakpoint
CREATE POLICY "words_owner_select" ON "app"."message_words" AS PERMISSIVE FOR SELECT TO "frm_owner" USING (true);--> statement-breakpoint
CREATE POLICY "words_owner_insert" ON "app"."message_words" AS PERMISSIVE FOR INSERT TO "frm_owner" WITH CHECK (app.conversation_role("app"."message_words"."conversation_id") is not null);--> statement-breakpoint
CREATE POLICY "words_owner_delete" ON "app"."message_words" AS PERMISSIVE FOR DELETE TO "frm_owner" USING (app.conversation_role("app"."message_words"."conversation_id") is not null);--> statement-breakpoint
CREATE POLICY "search_system" ON "app"."search_states" AS PERMISSIVE FOR ALL TO "frm_system" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "search_owner_select" ON "app"."search_states" AS PERMISSIVE FOR SELECT TO "frm_owner" USING (true);--> statement-breakpoint
CREATE POLICY "search_owner_insert" ON "app"."search_states" AS PERMISSIVE FOR INSERT TO "frm_owner" WITH CHECK (app.conversation_role("app"."search_states"."conversation_id") is not null);--> statement-breakpoint
CREATE POLICY "search_owner_hold" ON "app"."search_states" AS PERMISSIVE FOR UPDATE TO "frm_owner" USING (app.conversation_role("app"."search_states"."conversation_id") is not null) WITH CHECK (false);