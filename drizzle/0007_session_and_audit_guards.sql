-- Row-level security binds the owner too; an entry of the audit log is never changed, and never deleted by itself.
alter table app.audit_entries force row level security;--> statement-breakpoint
grant select, insert on app.audit_entries to frm_app;--> statement-breakpoint
grant insert on app.audit_entries to frm_auth, frm_system;--> statement-breakpoint

-- A user sees and ends their own sessions; the key of the refresh tokens stays with the sign-in.
grant select (id, user_id, methods, device, network, authenticated_at, refreshed_at, last_seen_at, created_at, expires_at, revoked_at)
  on app.sessions to frm_app;--> statement-breakpoint
grant update (revoked_at) on app.sessions to frm_app;
