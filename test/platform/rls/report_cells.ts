import type { Coverage } from "./cells.ts";

const NEW_REPORT =
  "insert into app.reports (id, reporter_id, reported_id, conversation_id, message_id, message_seq, reason, note, snapshot, created_at) values";
const LATE = "'spam', '', '[]', now())";
const RESOLVE = "update app.reports set state = 'resolved', resolved_at = now()";

/** Made by who may read the message, seen by them and by staff whom it is not about, and only ever closed. */
export const reports: Coverage = {
  policies: [
    "reports_app_select select app",
    "reports_app_insert insert app",
    "reports_app_resolve update app",
    "reports_system_select select system",
    "reports_system_delete delete system",
  ],
  grants: {
    app: "select insert update(state action resolution resolved_by resolved_at)",
    system: "select delete",
  },
  cells: [
    ["lan", "select * from app.reports", 2],
    ["hoa", "select * from app.reports", 1],
    // Minh was reported too, and so was Mai, who is a moderator.
    ["minh", "select * from app.reports", 1],
    ["minh", "select * from app.reports where reported_id = :minh", 0],
    ["mai", "select * from app.reports", 3],
    ["anh", "select * from app.reports", 5],
    ["tung", "select * from app.reports", 0],
    ["nobody", "select * from app.reports", 0],
    ["lan", `${NEW_REPORT} (:fresh, :lan, :quan, :team, :quans, 3, ${LATE}`, 1],
    ["lan", `${NEW_REPORT} (:fresh, :lan, :minh, :team, :hello, 6, ${LATE}`, "23505"],
    ["lan", `${NEW_REPORT} (:fresh, :hoa, :quan, :team, :quans, 3, ${LATE}`, "refused"],
    [
      "lan",
      `${NEW_REPORT.replace("created_at", "created_at, state")} (:fresh, :lan, :quan, :team, :quans, 3, ${LATE.slice(0, -1)}, 'resolved')`,
      "refused",
    ],
    ["lan", `${NEW_REPORT} (:fresh, :lan, :lan, :team, :quans, 3, ${LATE}`, "refused"],
    ["lan", `${NEW_REPORT} (:fresh, :lan, :hoa, :pair, :secret, 2, ${LATE}`, "refused"],
    ["hoa", `${NEW_REPORT} (:fresh, :hoa, :quan, :team, :quans, 3, ${LATE}`, "refused"],
    ["quan", `${NEW_REPORT} (:fresh, :quan, :minh, :team, :hello, 6, ${LATE}`, "refused"],
    ["anh", `${NEW_REPORT} (:fresh, :anh, :minh, :team, :hello, 6, ${LATE}`, "refused"],
    ["nobody", `${NEW_REPORT} (:fresh, :lan, :quan, :team, :quans, 3, ${LATE}`, "refused"],
    ["anh", `${RESOLVE}, resolved_by = :anh`, 3],
    ["mai", `${RESOLVE}, resolved_by = :mai`, 2],
    ["anh", `${RESOLVE}, resolved_by = :mai`, "refused"],
    ["anh", "update app.reports set resolved_by = :anh", "refused"],
    ["anh", `${RESOLVE}, resolved_by = :anh where id = :old_report`, 0],
    ["lan", `${RESOLVE}, resolved_by = :lan`, 0],
    ["minh", `${RESOLVE}, resolved_by = :minh`, 0],
    ["tung", `${RESOLVE}, resolved_by = :tung`, 0],
    ["anh", "update app.reports set snapshot = '[1]'", "denied"],
    ["anh", "update app.reports set snapshot = '[1]'", "refused", "update"],
    ["anh", "delete from app.reports", "denied"],
    ["anh", "delete from app.reports", 0, "delete"],
    ["auth", "select * from app.reports", "denied"],
    ["system", "select * from app.reports", 5],
    ["system", `${RESOLVE}, resolved_by = :anh`, "denied"],
    // What was dealt with more than 180 days ago.
    ["system", "delete from app.reports", 1],
    ["public", "select * from app.reports", "denied"],
  ],
};

const NEW_BAN = "insert into app.conversation_bans values";

/** Written and taken back by who may take members out; seen by them, by who brings others in, and by whom they name. */
export const conversationBans: Coverage = {
  policies: [
    "bans_app_select select app",
    "bans_app_insert insert app",
    "bans_app_delete delete app",
    "bans_system_select select system",
    "bans_system_delete delete system",
  ],
  grants: { app: "select insert delete", system: "select delete" },
  cells: [
    ["lan", "select * from app.conversation_bans", 1],
    ["minh", "select * from app.conversation_bans", 2],
    ["hoa", "select * from app.conversation_bans", 0],
    ["quan", "select * from app.conversation_bans", 1],
    ["eve", "select * from app.conversation_bans", 1],
    ["anh", "select * from app.conversation_bans", 0],
    ["nobody", "select * from app.conversation_bans", 0],
    ["lan", `${NEW_BAN} (:team, :eve, :lan, now())`, 1],
    ["lan", `${NEW_BAN} (:team, :eve, :minh, now())`, "refused"],
    ["lan", `${NEW_BAN} (:team, :lan, :lan, now())`, "refused"],
    ["lan", `${NEW_BAN} (:eves_club, :quan, :lan, now())`, "refused"],
    ["hoa", `${NEW_BAN} (:team, :eve, :hoa, now())`, "refused"],
    ["hoa", `${NEW_BAN} (:pair, :eve, :hoa, now())`, "refused"],
    ["quan", `${NEW_BAN} (:team, :eve, :quan, now())`, "refused"],
    ["nobody", `${NEW_BAN} (:team, :eve, :lan, now())`, "refused"],
    ["lan", "delete from app.conversation_bans", 1],
    ["quan", "delete from app.conversation_bans", 0],
    ["hoa", "delete from app.conversation_bans", 0],
    ["lan", "update app.conversation_bans set user_id = :eve", "denied"],
    ["lan", "update app.conversation_bans set user_id = :eve", 0, "update"],
    ["auth", "select * from app.conversation_bans", "denied"],
    ["system", "select * from app.conversation_bans", 2],
    // Minh's, whose account is being erased.
    ["system", "delete from app.conversation_bans", 1],
    ["public", "select * from app.conversation_bans", "denied"],
  ],
};
