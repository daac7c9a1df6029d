-- Row-level security binds the owner too. A token is made by the job that mails it and used up by the sign-in's role;
-- neither can change one, and the job cannot read what recognises it.
alter table app.account_tokens force row level security;--> statement-breakpoint
alter table app.email_changes force row level security;--> statement-breakpoint

grant select, delete on app.account_tokens to frm_auth;--> statement-breakpoint
grant select (id, user_id, purpose, mail_id, expires_at), insert, delete on app.account_tokens to frm_system;--> statement-breakpoint

grant select, insert, update (old_confirmed_at, new_confirmed_at), delete on app.email_changes to frm_auth;--> statement-breakpoint
grant select (id, user_id, old_email, new_email, expires_at) on app.email_changes to frm_system;--> statement-breakpoint

-- Whoever has shown already that mail reaches them is not asked again.
grant select (email_verified_at) on app.accounts to frm_system;
