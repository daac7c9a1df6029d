-- Row-level security binds the owner too.
alter table app.presence_settings force row level security;--> statement-breakpoint

grant select, insert, update (visible_to, last_seen_to, is_invisible) on app.presence_settings to frm_app;--> statement-breakpoint
grant select, insert, update (last_seen_at), delete on app.presence_settings to frm_system;
