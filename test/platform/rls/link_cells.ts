import type { Coverage } from "./cells.ts";

const NEW_TOKEN =
  "insert into app.account_tokens (id, user_id, purpose, digest, email, mail_id, created_at, expires_at) values (:fresh, :lan, 'verify', '\\x02', 'x', :another, now(), now())";

/** What recognises a link in a mail: made by the job that mails it, used up by the sign-in, read by nobody else. */
export const accountTokens: Coverage = {
  policies: [
    "account_tokens_auth_select select auth",
    "account_tokens_auth_delete delete auth",
    "account_tokens_system_select select system",
    "account_tokens_system_insert insert system",
    "account_tokens_system_delete delete system",
  ],
  grants: {
    auth: "select delete",
    system: "select(id user_id purpose mail_id expires_at) insert delete",
  },
  cells: [
    ["lan", "select id from app.account_tokens", "denied"],
    ["lan", "select * from app.account_tokens where user_id = :lan", 0, "select"],
    ["lan", NEW_TOKEN, "refused", "insert"],
    ["anh", "select id from app.account_tokens", "denied"],
    ["auth", "select * from app.account_tokens", 1],
    ["auth", "delete from app.account_tokens", 1],
    ["auth", NEW_TOKEN, "denied"],
    ["auth", NEW_TOKEN, "refused", "insert"],
    ["auth", "update app.account_tokens set expires_at = now() + '1 day'", "denied"],
    ["auth", "update app.account_tokens set expires_at = now()", 0, "update"],
    ["system", "select id, user_id, purpose, mail_id, expires_at from app.account_tokens", 1],
    ["system", "select digest from app.account_tokens", "denied"],
    ["system", NEW_TOKEN, 1],
    ["system", `${NEW_TOKEN} returning digest`, "denied"],
    ["system", "delete from app.account_tokens where user_id = :lan", 1],
    ["system", "update app.account_tokens set user_id = :minh", "denied"],
    ["system", "update app.account_tokens set user_id = :minh", 0, "update"],
    ["public", "select id from app.account_tokens", "denied"],
  ],
};

const NEW_CHANGE =
  "insert into app.email_changes (id, user_id, old_email, new_email, created_at, expires_at) values (:fresh, :hoa, 'x', 'y', now(), now())";

/** A change of address that waits for both addresses; the sign-in keeps it, the mailing job knows where to write. */
export const emailChanges: Coverage = {
  policies: [
    "email_changes_auth all auth",
    "email_changes_system_select select system",
    "email_changes_system_delete delete system",
  ],
  grants: {
    auth: "select insert update(old_confirmed_at new_confirmed_at) delete",
    system: "select(id user_id old_email new_email expires_at) delete",
  },
  cells: [
    ["lan", "select id from app.email_changes", "denied"],
    ["lan", "select * from app.email_changes", 0, "select"],
    ["lan", NEW_CHANGE, "refused", "insert"],
    ["lan", "update app.email_changes set new_confirmed_at = now()", "denied"],
    ["auth", "select * from app.email_changes", 2],
    ["auth", NEW_CHANGE, 1],
    ["auth", "update app.email_changes set old_confirmed_at = now(), new_confirmed_at = now()", 2],
    ["auth", "update app.email_changes set new_email = 'x'", "denied"],
    ["auth", "delete from app.email_changes", 2],
    ["system", "select id, user_id, old_email, new_email, expires_at from app.email_changes", 2],
    ["system", "delete from app.email_changes", 1],
    ["system", "delete from app.email_changes where user_id = :lan", 0],
    ["system", "select new_confirmed_at from app.email_changes", "denied"],
    ["system", "update app.email_changes set new_confirmed_at = now()", "denied"],
    ["system", "update app.email_changes set new_confirmed_at = now()", 0, "update"],
    ["system", NEW_CHANGE, "denied"],
    ["public", "select id from app.email_changes", "denied"],
  ],
};
