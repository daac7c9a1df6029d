alter table app.reports force row level security;--> statement-breakpoint
alter table app.conversation_bans force row level security;--> statement-breakpoint
-- What was reported stays as it was: staff adds what it did, and nothing else is ever changed.
grant select, insert, update (state, action, resolution, resolved_by, resolved_at) on app.reports to frm_app;--> statement-breakpoint
grant select, delete on app.reports to frm_system;--> statement-breakpoint
grant select, insert, delete on app.conversation_bans to frm_app;--> statement-breakpoint
grant select, delete on app.conversation_bans to frm_system;--> statement-breakpoint
-- Staff is in no conversation. What it takes out goes through the background work, and the policies let that touch
-- reported messages alone.
grant update (last_seq, last_event_at) on app.conversations to frm_system;--> statement-breakpoint
grant insert on app.conversation_events to frm_system;--> statement-breakpoint
grant update (body, deleted_at, mentions, mentions_all, tickers, attachments) on app.messages to frm_system;--> statement-breakpoint
grant delete on app.message_edits, app.pinned_messages to frm_system;
