import type { Coverage } from "./cells.ts";

const NEW_SETTINGS =
  "insert into app.conversation_settings (conversation_id, name, history, member_permissions) values";

/** Seen by members, written by who has opened the conversation, and changed by who has the permission. */
export const conversationSettings: Coverage = {
  policies: [
    "settings_app_select select app",
    "settings_app_insert insert app",
    "settings_app_update update app",
    "settings_system_select select system",
  ],
  grants: {
    app: "select insert update(name description history member_permissions slow_mode_seconds)",
    system: "select",
  },
  cells: [
    ["lan", "select * from app.conversation_settings", 2],
    ["hoa", "select * from app.conversation_settings", 1],
    ["quan", "select * from app.conversation_settings", 0],
    ["kim", "select * from app.conversation_settings", 1],
    ["eve", "select * from app.conversation_settings", 2],
    ["nobody", "select * from app.conversation_settings", 0],
    ["eve", `${NEW_SETTINGS} (:eves_direct, 'x', 'all', 7)`, 1],
    ["eve", `${NEW_SETTINGS} (:eves_old, 'x', 'all', 7)`, "refused"],
    ["lan", `${NEW_SETTINGS} (:eves_direct, 'x', 'all', 7)`, "refused"],
    // By who has opened it, and no more once somebody is in it.
    ["lan", `${NEW_SETTINGS} (:eves_club, 'x', 'all', 7)`, "refused"],
    ["lan", `${NEW_SETTINGS} (:team, 'x', 'all', 7)`, "refused"],
    ["hoa", `${NEW_SETTINGS} (:pair, 'x', 'all', 7)`, "refused"],
    ["nobody", `${NEW_SETTINGS} (:eves_direct, 'x', 'all', 7)`, "refused"],
    ["lan", "update app.conversation_settings set name = 'x'", 1],
    ["minh", "update app.conversation_settings set member_permissions = 1", 1],
    ["hoa", "update app.conversation_settings set name = 'x'", 0],
    ["quan", "update app.conversation_settings set name = 'x'", 0],
    ["nobody", "update app.conversation_settings set name = 'x'", 0],
    ["lan", "update app.conversation_settings set conversation_id = :pair", "denied"],
    ["lan", "update app.conversation_settings set conversation_id = :pair", "refused", "update"],
    ["lan", "delete from app.conversation_settings", "denied"],
    ["lan", "delete from app.conversation_settings", 0, "delete"],
    ["auth", "select * from app.conversation_settings", "denied"],
    ["system", "select * from app.conversation_settings", 4],
    ["system", "update app.conversation_settings set name = 'x'", "denied"],
    ["public", "select * from app.conversation_settings", "denied"],
  ],
};

const NEW_STATE = "insert into app.conversation_states (conversation_id, user_id) values";

/** One's own, while one is in the conversation. */
export const conversationStates: Coverage = {
  policies: [
    "states_app_select select app",
    "states_app_insert insert app",
    "states_app_update update app",
    "states_owner_select select owner",
    "states_system_select select system",
    "states_system_delete delete system",
  ],
  ownerSees: 5,
  grants: {
    app: "select insert update(last_read_seq public_read_seq muted_until is_archived notify last_sent_at)",
    system: "select delete",
  },
  cells: [
    ["lan", "select * from app.conversation_states", 1],
    ["hoa", "select * from app.conversation_states", 1],
    ["quan", "select * from app.conversation_states", 0],
    ["nobody", "select * from app.conversation_states", 0],
    ["hoa", `${NEW_STATE} (:team, :hoa)`, 1],
    ["hoa", `${NEW_STATE} (:pair, :minh)`, "refused"],
    ["lan", `${NEW_STATE} (:pair, :lan)`, "refused"],
    ["quan", `${NEW_STATE} (:team, :quan)`, "refused"],
    ["nobody", `${NEW_STATE} (:team, :hoa)`, "refused"],
    ["lan", "update app.conversation_states set last_read_seq = 9", 1],
    ["kim", "update app.conversation_states set last_read_seq = 9", 1],
    ["quan", "update app.conversation_states set last_read_seq = 9", 0],
    ["lan", "update app.conversation_states set user_id = :hoa", "denied"],
    ["lan", "update app.conversation_states set user_id = :hoa", "refused", "update"],
    ["lan", "delete from app.conversation_states", "denied"],
    ["lan", "delete from app.conversation_states", 0, "delete"],
    ["auth", "select * from app.conversation_states", "denied"],
    ["system", "select * from app.conversation_states", 5],
    ["system", "delete from app.conversation_states", 1],
    ["public", "select * from app.conversation_states", "denied"],
  ],
};
