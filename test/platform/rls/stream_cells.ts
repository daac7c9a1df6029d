import type { Coverage } from "./cells.ts";

/** Positions alone, which whoever tells another user something raises. */
export const userStreams: Coverage = {
  policies: ["user_streams_app all app", "user_streams_system all system"],
  grants: {
    app: "select insert update(last_seq)",
    system: "select insert update(last_seq) delete",
  },
  cells: [
    ["lan", "select * from app.user_streams", 2],
    ["lan", "insert into app.user_streams values (:hoa, 1)", 1],
    ["lan", "update app.user_streams set last_seq = last_seq + 1 where user_id = :minh", 1],
    ["lan", "update app.user_streams set user_id = :hoa", "denied"],
    ["lan", "delete from app.user_streams", "denied"],
    ["auth", "select * from app.user_streams", "denied"],
    ["auth", "select * from app.user_streams", 0, "select"],
    ["system", "select * from app.user_streams", 2],
    ["system", "update app.user_streams set last_seq = last_seq + 1", 2],
    ["system", "insert into app.user_streams values (:hoa, 1)", 1],
    ["system", "delete from app.user_streams where user_id = :minh", 1],
    ["public", "select * from app.user_streams", "denied"],
    ["public", "select * from app.user_streams", 0, "select"],
  ],
};

const NEW_EVENT = "insert into app.user_events values";

/** Written by whoever has something to tell the user, and read by the user alone. */
export const userEvents: Coverage = {
  policies: [
    "user_events_app_select select app",
    "user_events_app_insert insert app",
    "user_events_system_select select system",
    "user_events_system_insert insert system",
    "user_events_system_delete delete system",
  ],
  grants: { app: "select insert", system: "select insert delete" },
  cells: [
    ["lan", "select * from app.user_events", 2],
    ["minh", "select * from app.user_events", 1],
    ["hoa", "select * from app.user_events", 0],
    ["nobody", "select * from app.user_events", 0],
    ["lan", `${NEW_EVENT} (:minh, 2, 'notif', '{}', now())`, 1],
    ["lan", "update app.user_events set data = '{}'", "denied"],
    ["lan", "update app.user_events set data = '{}'", 0, "update"],
    ["lan", "delete from app.user_events", "denied"],
    ["lan", "delete from app.user_events", 0, "delete"],
    ["auth", "select * from app.user_events", "denied"],
    ["system", "select * from app.user_events", 3],
    ["system", `${NEW_EVENT} (:minh, 2, 'notif', '{}', now())`, 1],
    // What is older than thirty days, and what is of those whose accounts are being erased, as Minh's is.
    ["system", "delete from app.user_events", 2],
    ["public", "select * from app.user_events", "denied"],
  ],
};
