-- Row-level security binds the owner too. Who takes a message back changes its row; nobody deletes it.
alter table app.conversation_settings force row level security;--> statement-breakpoint
alter table app.conversation_states force row level security;--> statement-breakpoint
alter table app.message_edits force row level security;--> statement-breakpoint
alter table app.message_reactions force row level security;--> statement-breakpoint
alter table app.message_mentions force row level security;--> statement-breakpoint
alter table app.pinned_messages force row level security;--> statement-breakpoint
alter table app.thread_states force row level security;--> statement-breakpoint
alter table app.user_streams force row level security;--> statement-breakpoint
alter table app.user_events force row level security;--> statement-breakpoint

grant select, insert, update (name, description, history, member_permissions, slow_mode_seconds) on app.conversation_settings to frm_app;--> statement-breakpoint
grant select on app.conversation_settings to frm_system;--> statement-breakpoint
grant update (visible_from, role, permissions) on app.conversation_members to frm_app;--> statement-breakpoint
grant update (permissions) on app.conversation_members to frm_system;--> statement-breakpoint
grant select, insert, update (last_read_seq, public_read_seq, muted_until, is_archived, notify) on app.conversation_states to frm_app;--> statement-breakpoint
grant select, delete on app.conversation_states to frm_system;--> statement-breakpoint

grant update (body, rev, edited_at, deleted_at, deleted_by, mentions, mentions_all, tickers, attachments) on app.messages to frm_app;--> statement-breakpoint
grant select, insert, delete on app.message_edits to frm_app;--> statement-breakpoint
grant select on app.message_edits to frm_system;--> statement-breakpoint
grant select, insert, delete on app.message_reactions to frm_app;--> statement-breakpoint
grant select, delete on app.message_reactions to frm_system;--> statement-breakpoint
grant select, insert, delete on app.message_mentions to frm_app;--> statement-breakpoint
grant select, delete on app.message_mentions to frm_system;--> statement-breakpoint
grant select, insert, delete on app.pinned_messages to frm_app;--> statement-breakpoint
grant select on app.pinned_messages to frm_system;--> statement-breakpoint
grant select, insert, update (last_read_seq, is_following) on app.thread_states to frm_app;--> statement-breakpoint
grant select, delete on app.thread_states to frm_system;--> statement-breakpoint

grant select, insert, update (last_seq) on app.user_streams to frm_app, frm_system;--> statement-breakpoint
grant delete on app.user_streams to frm_system;--> statement-breakpoint
grant select, insert on app.user_events to frm_app, frm_system;--> statement-breakpoint
grant delete on app.user_events to frm_system;
