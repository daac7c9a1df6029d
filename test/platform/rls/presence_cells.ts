import type { Coverage } from "./cells.ts";

const NEW = "insert into app.presence_settings (user_id) values";

/** Each user's own; what others may know of it, the service says. */
export const presenceSettings: Coverage = {
  policies: [
    "presence_app_select select app",
    "presence_app_insert insert app",
    "presence_app_update update app",
    "presence_system_select select system",
    "presence_system_insert insert system",
    "presence_system_update update system",
    "presence_system_erase delete system",
  ],
  grants: {
    app: "select insert update(visible_to last_seen_to is_invisible)",
    system: "select insert update(last_seen_at) delete",
  },
  cells: [
    ["lan", "select * from app.presence_settings", 1],
    ["hoa", "select * from app.presence_settings", 0],
    ["nobody", "select * from app.presence_settings", 0],
    ["hoa", `${NEW} (:hoa)`, 1],
    ["hoa", `${NEW} (:quan)`, "refused"],
    ["lan", "update app.presence_settings set visible_to = 'nobody'", 1],
    ["lan", "update app.presence_settings set last_seen_at = now()", "denied"],
    ["lan", "update app.presence_settings set user_id = :hoa", "denied"],
    ["lan", "update app.presence_settings set user_id = :hoa", "refused", "update"],
    ["lan", "delete from app.presence_settings", "denied"],
    ["lan", "delete from app.presence_settings", 0, "delete"],
    ["auth", "select * from app.presence_settings", "denied"],
    ["system", "select * from app.presence_settings", 2],
    ["system", `${NEW} (:hoa)`, 1],
    ["system", "update app.presence_settings set last_seen_at = now()", 2],
    ["system", "update app.presence_settings set visible_to = 'everybody'", "denied"],
    // Of those whose accounts are being erased, as Minh's is.
    ["system", "delete from app.presence_settings", 1],
    ["public", "select * from app.presence_settings", "denied"],
  ],
};
