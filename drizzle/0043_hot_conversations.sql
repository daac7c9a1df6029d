DROP INDEX "app"."conversations_last_event_at_id_index";--> statement-breakpoint
-- Room on each page for the next version of a row, which so stays there.
ALTER TABLE "app"."conversations" SET (fillfactor = 80);
