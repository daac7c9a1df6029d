-- Row-level security binds the owner too. Secrets and digests stay with the sign-in; a user may see that they are there.
alter table app.totp_secrets force row level security;--> statement-breakpoint
alter table app.recovery_codes force row level security;--> statement-breakpoint
grant select, insert, update, delete on app.totp_secrets to frm_auth;--> statement-breakpoint
grant select (user_id, confirmed_at) on app.totp_secrets to frm_app;--> statement-breakpoint
grant select, insert, delete on app.recovery_codes to frm_auth;--> statement-breakpoint
grant select (user_id) on app.recovery_codes to frm_app;
