import type { Coverage } from "./cells.ts";

const NEW_EXPORT =
  "insert into app.account_exports (id, user_id, state, requested_at, expires_at) values";

/** Asked for by whom it is of, and seen by them alone; the background work moves it on. */
export const accountExports: Coverage = {
  policies: [
    "account_exports_app_select select app",
    "account_exports_app_insert insert app",
    "account_exports_system_select select system",
    "account_exports_system_update update system",
    "account_exports_system_delete delete system",
  ],
  grants: {
    app: "select insert(id user_id state requested_at expires_at)",
    system: "select update(state ready_at expires_at bytes attempt) delete",
  },
  cells: [
    ["lan", "select * from app.account_exports", 1],
    ["lan", "select * from app.account_exports where user_id = :minh", 0],
    ["lan", `${NEW_EXPORT} (:fresh, :lan, 'waiting', now(), now())`, 1],
    ["minh", `${NEW_EXPORT} (:fresh, :minh, 'waiting', now(), now())`, "23505"],
    ["lan", `${NEW_EXPORT} (:fresh, :hoa, 'waiting', now(), now())`, "refused"],
    ["lan", `${NEW_EXPORT} (:fresh, :lan, 'ready', now(), now())`, "refused"],
    ["lan", "update app.account_exports set state = 'ready'", "denied"],
    ["lan", "update app.account_exports set state = 'ready'", 0, "update"],
    ["lan", "delete from app.account_exports", "denied"],
    ["lan", "delete from app.account_exports", 0, "delete"],
    ["anh", "select * from app.account_exports", 0],
    ["nobody", "select * from app.account_exports", 0],
    ["nobody", `${NEW_EXPORT} (:fresh, :hoa, 'waiting', now(), now())`, "refused"],
    ["auth", "select * from app.account_exports", "denied"],
    ["auth", "select * from app.account_exports", 0, "select"],
    ["system", "select * from app.account_exports", 2],
    ["system", "update app.account_exports set state = 'failed', attempt = null, bytes = 1", 2],
    ["system", "update app.account_exports set user_id = :hoa", "denied"],
    ["system", `${NEW_EXPORT} (:fresh, :hoa, 'waiting', now(), now())`, "denied"],
    ["system", "delete from app.account_exports", 2],
    ["public", "select * from app.account_exports", "denied"],
  ],
};

const NEW_CHUNK = "insert into app.account_export_chunks values (:lans_export, 2, :lan, 'x')";

/** Read by whom it is of; the background work writes and deletes it, and cannot read what it has written. */
export const accountExportChunks: Coverage = {
  policies: [
    "account_export_chunks_app_select select app",
    "account_export_chunks_system_select select system",
    "account_export_chunks_system_insert insert system",
    "account_export_chunks_system_delete delete system",
  ],
  grants: { app: "select", system: "select(export_id no user_id) insert delete" },
  cells: [
    ["lan", "select * from app.account_export_chunks", 2],
    ["lan", "select * from app.account_export_chunks where user_id = :minh", 0],
    ["lan", NEW_CHUNK, "denied"],
    ["lan", NEW_CHUNK, "refused", "insert"],
    ["lan", "update app.account_export_chunks set body = 'x'", "denied"],
    ["lan", "update app.account_export_chunks set body = 'x'", 0, "update"],
    ["lan", "delete from app.account_export_chunks", "denied"],
    ["lan", "delete from app.account_export_chunks", 0, "delete"],
    ["anh", "select * from app.account_export_chunks", 0],
    ["nobody", "select * from app.account_export_chunks", 0],
    ["auth", "select * from app.account_export_chunks", "denied"],
    ["system", "select export_id, no, user_id from app.account_export_chunks", 3],
    ["system", "select body from app.account_export_chunks", "denied"],
    ["system", NEW_CHUNK, 1],
    ["system", "update app.account_export_chunks set body = 'x'", "denied"],
    ["system", "delete from app.account_export_chunks where export_id = :lans_export", 2],
    ["public", "select * from app.account_export_chunks", "denied"],
  ],
};
