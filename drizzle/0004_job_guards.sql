-- Row-level security binds the owner too; whoever asks for work may not see what others asked for.
alter table app.job_outbox force row level security;--> statement-breakpoint
alter table app.job_outbox_head force row level security;--> statement-breakpoint

grant insert on app.job_outbox to frm_app, frm_auth;--> statement-breakpoint
grant select, insert, delete, update (batch) on app.job_outbox to frm_system;--> statement-breakpoint
grant select, insert, update (last_batch) on app.job_outbox_head to frm_system;--> statement-breakpoint

-- Background work writes to people: it needs their names, addresses and languages, and nothing else of theirs.
grant select (id, display_name) on app.users to frm_system;--> statement-breakpoint
grant select (user_id, email, locale) on app.accounts to frm_system;
