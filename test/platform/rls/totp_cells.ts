import type { Coverage } from "./cells.ts";

const NEW_SECRET =
  "insert into app.totp_secrets (user_id, key_id, sealed, created_at) values (:hoa, 'k', '\\x01', now())";

/** One sees whether there is one; what it is, and how often it was guessed at, the sign-in alone knows. */
export const totpSecrets: Coverage = {
  policies: [
    "totp_secrets_auth all auth",
    "totp_secrets_app_select select app",
    "totp_secrets_system_select select system",
    "totp_secrets_system_delete delete system",
  ],
  grants: {
    app: "select(user_id confirmed_at)",
    auth: "select insert update delete",
    system: "select(user_id) delete",
  },
  cells: [
    ["lan", "select user_id, confirmed_at from app.totp_secrets", 1],
    ["lan", "select user_id from app.totp_secrets where user_id = :minh", 0],
    ["lan", "select sealed from app.totp_secrets", "denied"],
    ["lan", "select key_id from app.totp_secrets", "denied"],
    ["lan", "select last_step from app.totp_secrets", "denied"],
    ["lan", "select code_failures_until from app.totp_secrets", "denied"],
    ["lan", "select user_id from app.totp_secrets where sealed > '\\x00'", "denied"],
    ["lan", "update app.totp_secrets set last_step = 0", "denied"],
    ["lan", "update app.totp_secrets set confirmed_at = null", 0, "update"],
    ["lan", "delete from app.totp_secrets", "denied"],
    ["lan", "delete from app.totp_secrets", 0, "delete"],
    ["hoa", NEW_SECRET, "denied"],
    ["hoa", NEW_SECRET, "refused", "insert"],
    ["mai", "select user_id from app.totp_secrets", 0],
    ["anh", "select user_id from app.totp_secrets", 0],
    ["nobody", "select user_id from app.totp_secrets", 0],
    ["auth", "select * from app.totp_secrets", 2],
    ["auth", NEW_SECRET, 1],
    ["auth", "update app.totp_secrets set last_step = 1 where user_id = :lan", 1],
    ["auth", "delete from app.totp_secrets where user_id = :lan", 1],
    ["system", "select user_id from app.totp_secrets", 1],
    ["system", "select sealed from app.totp_secrets", "denied"],
    ["system", "delete from app.totp_secrets", 1],
    ["system", "delete from app.totp_secrets where user_id = :lan", 0],
    ["public", "select user_id from app.totp_secrets", "denied"],
  ],
};

const NEW_CODE = "insert into app.recovery_codes values (:lan, '\\x09')";

/** One counts what one has left, and gives oneself no new ones past the sign-in. */
export const recoveryCodes: Coverage = {
  policies: [
    "recovery_codes_auth all auth",
    "recovery_codes_app_select select app",
    "recovery_codes_system_select select system",
    "recovery_codes_system_delete delete system",
  ],
  grants: {
    app: "select(user_id)",
    auth: "select insert delete",
    system: "select(user_id) delete",
  },
  cells: [
    ["lan", "select user_id from app.recovery_codes", 2],
    ["lan", "select user_id from app.recovery_codes where user_id = :minh", 0],
    ["lan", "select digest from app.recovery_codes", "denied"],
    ["lan", NEW_CODE, "denied"],
    ["lan", NEW_CODE, "refused", "insert"],
    ["lan", "delete from app.recovery_codes", "denied"],
    ["lan", "delete from app.recovery_codes", 0, "delete"],
    ["lan", "update app.recovery_codes set digest = '\\x09'", 0, "update"],
    ["anh", "select user_id from app.recovery_codes", 0],
    ["nobody", "select user_id from app.recovery_codes", 0],
    ["auth", "select * from app.recovery_codes", 3],
    ["auth", NEW_CODE, 1],
    ["auth", "update app.recovery_codes set digest = '\\x09' where user_id = :minh", "denied"],
    ["auth", "delete from app.recovery_codes where user_id = :lan", 2],
    ["system", "select user_id from app.recovery_codes", 1],
    ["system", "select digest from app.recovery_codes", "denied"],
    ["system", "delete from app.recovery_codes", 1],
    ["system", "delete from app.recovery_codes where user_id = :lan", 0],
    ["public", "select user_id from app.recovery_codes", "denied"],
  ],
};
