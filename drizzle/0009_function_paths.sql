-- An empty path still begins with the session's temporary schema, where anybody may define a type called uuid whose
-- checks would then run as the owner of the function. Named last, that schema hides nothing.
alter function app.user_id() set search_path = pg_catalog, pg_temp;--> statement-breakpoint
alter function app.conversation_role(uuid) set search_path = pg_catalog, pg_temp;
