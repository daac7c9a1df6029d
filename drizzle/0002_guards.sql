-- Row-level security binds the owner too, and each role gets the columns it needs and no more.
alter table app.bus_outbox force row level security;--> statement-breakpoint
alter table app.dev_secrets force row level security;--> statement-breakpoint
alter table app.users force row level security;--> statement-breakpoint
alter table app.accounts force row level security;--> statement-breakpoint
alter table app.sessions force row level security;--> statement-breakpoint
alter table app.conversations force row level security;--> statement-breakpoint
alter table app.conversation_members force row level security;--> statement-breakpoint
alter table app.messages force row level security;--> statement-breakpoint
alter table app.conversation_events force row level security;--> statement-breakpoint

grant insert on app.bus_outbox to frm_app, frm_auth;--> statement-breakpoint
grant select, delete, update (payload) on app.bus_outbox to frm_system;--> statement-breakpoint
grant select, insert on app.dev_secrets to frm_auth;--> statement-breakpoint

grant select on app.users to frm_app;--> statement-breakpoint
grant select, insert, update on app.users to frm_auth;--> statement-breakpoint
grant select (user_id, email, role, tier, locale) on app.accounts to frm_app;--> statement-breakpoint
grant select, insert, update on app.accounts to frm_auth;--> statement-breakpoint
grant select, insert, update on app.sessions to frm_auth;--> statement-breakpoint

grant select, insert, update (last_seq, last_no, last_event_at) on app.conversations to frm_app;--> statement-breakpoint
grant select, insert, update (joined_seq, left_seq) on app.conversation_members to frm_app;--> statement-breakpoint
grant select, insert on app.messages, app.conversation_events to frm_app;--> statement-breakpoint
grant select on app.conversations, app.conversation_members, app.messages, app.conversation_events to frm_system;
