-- Row-level security binds the owner too. The background work erases nobody whose time has not come: the policies ask
-- for a deletion that is due. It writes an export without being able to read one.
alter table app.account_exports force row level security;--> statement-breakpoint
alter table app.account_export_chunks force row level security;--> statement-breakpoint

grant select, insert (id, user_id, state, requested_at, expires_at) on app.account_exports to frm_app;--> statement-breakpoint
grant select, update (state, ready_at, expires_at, bytes, attempt), delete on app.account_exports to frm_system;--> statement-breakpoint
grant select on app.account_export_chunks to frm_app;--> statement-breakpoint
grant select (export_id, no, user_id), insert, delete on app.account_export_chunks to frm_system;--> statement-breakpoint

grant select (email_verified_at, deletion_requested_at, deletion_due_at) on app.accounts to frm_app;--> statement-breakpoint
grant select (version, deletion_due_at), update (version), delete on app.accounts to frm_system;--> statement-breakpoint
grant select (closed_at), update (display_name, erased_at) on app.users to frm_system;--> statement-breakpoint
grant select (id, user_id, revoked_at), delete on app.sessions to frm_system;--> statement-breakpoint
grant select (user_id), delete on app.totp_secrets, app.recovery_codes to frm_system;--> statement-breakpoint
grant delete on app.email_changes, app.conversations to frm_system;--> statement-breakpoint
grant update (role) on app.conversation_members to frm_system;--> statement-breakpoint
grant insert on app.bus_outbox to frm_system;
