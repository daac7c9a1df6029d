import { access } from "../../platform/http/access.ts";
import type { Platform } from "../../platform/platform.ts";
import { authenticate } from "./service/sessions.ts";

export { InvalidCredentials, ReauthenticationRequired, type Session } from "./schema.ts";
export { announceChanged, type Changed, noteChanged } from "./service/account_change.ts";
export { normalizeEmail, register } from "./service/accounts.ts";
export { calledInMail, findAddressee } from "./service/addressees.ts";
export { assertOtherAdmin, hasOtherAdmin, holdRights, LastAdmin } from "./service/last_admin.ts";
export { AUTH_DATA } from "./service/personal_data.ts";
export { assertPasswordFits } from "./service/password_policy.ts";
export { holdPassword, withPassword } from "./service/password_proof.ts";
export { hashPassword } from "./service/passwords.ts";
export { assertRecent, assertRecentIfGuarded } from "./service/recent.ts";
export { burySession } from "./service/session_copies.ts";
export {
  announceEnded,
  type Ended,
  endSessions,
  endWithin,
  noteEnded,
} from "./service/session_end.ts";
export {
  authenticate,
  type Caller,
  getSession,
  isSessionAlive,
  listAliveSessions,
} from "./service/sessions.ts";

/** Gives a feature's routes the declarations of access: `signedIn: true`, `may: "…"` or `open: true`. */
export function auth(platform: Platform) {
  return access((token) => authenticate(platform, token));
}
