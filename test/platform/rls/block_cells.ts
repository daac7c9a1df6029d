import type { Coverage } from "./cells.ts";

const NEW_BLOCK = "insert into app.blocks values";

/** One's own, and nobody sees who has blocked them. */
export const blocks: Coverage = {
  policies: [
    "blocks_app_select select app",
    "blocks_app_insert insert app",
    "blocks_app_delete delete app",
    "blocks_owner_select select owner",
    "blocks_system_select select system",
    "blocks_system_delete delete system",
  ],
  grants: { app: "select insert delete", system: "select delete" },
  cells: [
    ["lan", "select * from app.blocks", 1],
    ["minh", "select * from app.blocks", 1],
    ["quan", "select * from app.blocks", 0],
    ["nobody", "select * from app.blocks", 0],
    ["quan", `${NEW_BLOCK} (:quan, :lan, now())`, 1],
    ["quan", `${NEW_BLOCK} (:lan, :hoa, now())`, "refused"],
    ["quan", `${NEW_BLOCK} (:quan, :quan, now())`, "refused"],
    ["nobody", `${NEW_BLOCK} (:lan, :hoa, now())`, "refused"],
    ["lan", "update app.blocks set blocked_id = :hoa", "denied"],
    ["lan", "update app.blocks set blocked_id = :hoa", 0, "update"],
    ["lan", "delete from app.blocks", 1],
    ["quan", "delete from app.blocks", 0],
    ["auth", "select * from app.blocks", "denied"],
    ["auth", "select * from app.blocks", 0, "select"],
    ["system", "select * from app.blocks", 2],
    // Minh's, whose account is being erased.
    ["system", "delete from app.blocks", 1],
    ["public", "select * from app.blocks", "denied"],
  ],
};
