-- The background work marks an account that is due, and can write nothing else of it. A ban holds the erasure.
revoke select (version), update (version) on app.accounts from frm_system;--> statement-breakpoint
grant select (banned_at, erasing_since), update (erasing_since) on app.accounts to frm_system;--> statement-breakpoint
grant select (erasing_since) on app.accounts to frm_app;
