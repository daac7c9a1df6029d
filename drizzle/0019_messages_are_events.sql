-- A message says all that its event said, at the same position, so the event is not kept a second time. The owner is
-- bound by row-level security as well and sees no event until it is let off for this one statement.
alter table app.conversation_events no force row level security;--> statement-breakpoint
delete from app.conversation_events where kind = 'msg.new';--> statement-breakpoint
alter table app.conversation_events force row level security;--> statement-breakpoint
ALTER TABLE "app"."conversation_events" DROP CONSTRAINT "conversation_events_message_id_messages_id_fk";
--> statement-breakpoint
ALTER TABLE "app"."messages" DROP CONSTRAINT "messages_conversation_id_conversations_id_fk";
--> statement-breakpoint
ALTER TABLE "app"."messages" DROP CONSTRAINT "messages_sender_id_users_id_fk";
--> statement-breakpoint
DROP INDEX "app"."conversation_events_message_id_index";--> statement-breakpoint
DROP INDEX "app"."messages_sender_id_index";--> statement-breakpoint
ALTER TABLE "app"."messages" ADD CONSTRAINT "messages_sender" FOREIGN KEY ("conversation_id","sender_id") REFERENCES "app"."conversation_members"("conversation_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app"."conversation_events" DROP COLUMN "message_id";
