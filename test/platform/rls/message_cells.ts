import type { Coverage } from "./cells.ts";

const NEW_MESSAGE =
  "insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at) values";

const DELETE = "update app.messages set body = '', deleted_at = now()";

/** Read by who is in the conversation now, written by them in their own name, and changed or taken back by their authors; moderators take out. */
export const messages: Coverage = {
  policies: [
    "messages_app_select select app",
    "messages_app_insert insert app",
    "messages_app_edit update app",
    "messages_app_moderate update app",
    "messages_system_select select system",
    "messages_system_take_out update system",
    "messages_owner_select select owner",
  ],
  ownerSees: 8,
  grants: {
    app: "select insert update(body rev edited_at deleted_at deleted_by mentions mentions_all tickers attachments)",
    system: "select update(body deleted_at mentions mentions_all tickers attachments)",
  },
  cells: [
    ["lan", "select * from app.messages", 4],
    ["hoa", "select * from app.messages", 4],
    ["hoa", "select * from app.messages where id = :quans", 0],
    ["lan", "select * from app.messages where id = :secret", 0],
    ["quan", "select * from app.messages where sender_id = :quan", 0],
    ["eve", "select * from app.messages", 0],
    ["nobody", "select * from app.messages", 0],
    ["lan", "select m.id from app.users u join app.messages m on m.sender_id = u.id", 4],
    ["eve", "select m.id from app.users u join app.messages m on m.sender_id = u.id", 0],
    ["lan", `${NEW_MESSAGE} (:fresh, :team, 9, 9, :lan, :another, 'x', now())`, 1],
    ["lan", `${NEW_MESSAGE} (:fresh, :team, 9, 9, :minh, :another, 'x', now())`, "refused"],
    ["lan", `${NEW_MESSAGE} (:fresh, :pair, 9, 9, :lan, :another, 'x', now())`, "refused"],
    ["quan", `${NEW_MESSAGE} (:fresh, :team, 9, 9, :quan, :another, 'x', now())`, "refused"],
    ["eve", `${NEW_MESSAGE} (:fresh, :eves_new, 9, 9, :eve, :another, 'x', now())`, "refused"],
    ["nobody", `${NEW_MESSAGE} (:fresh, :team, 9, 9, :lan, :another, 'x', now())`, "refused"],
    ["lan", `${NEW_MESSAGE} (:fresh, :eves_club, 9, 9, :lan, :another, 'x', now())`, "refused"],
    ["minh", "update app.messages set body = 'x' where sender_id = :minh", 1],
    ["minh", "update app.messages set body = 'x'", "refused"],
    ["minh", "update app.messages set sender_id = :hoa where sender_id = :minh", "denied"],
    ["minh", "update app.messages set no = 9", "denied"],
    ["minh", `${DELETE}, deleted_by = :minh where id = :quans`, 1],
    ["minh", `${DELETE}, deleted_by = :lan where id = :quans`, "refused"],
    [
      "minh",
      "update app.messages set deleted_at = now(), deleted_by = :minh where id = :quans",
      "refused",
    ],
    ["minh", "update app.messages set body = '', deleted_by = :minh where id = :quans", "refused"],
    ["minh", `${DELETE}, deleted_by = :minh where id = :secret`, 0],
    // What is deleted already is not deleted again.
    ["minh", `${DELETE}, deleted_by = :minh`, 3],
    // Neither what Kim has taken back, nor anything at the desk, which she has left: her own no more than Mai's.
    ["kim", "update app.messages set body = 'x'", 1],
    ["kim", `${DELETE}, deleted_by = :kim`, 1],
    ["hoa", "update app.messages set body = 'x'", 2],
    ["hoa", `${DELETE}, deleted_by = :hoa where id = :hello`, 0],
    ["hoa", `${DELETE}, deleted_by = :hoa where id = :secret`, 1],
    ["hoa", `${DELETE}, deleted_by = :minh where id = :secret`, "refused"],
    [
      "hoa",
      "update app.messages set deleted_at = now(), deleted_by = :hoa where id = :secret",
      "refused",
    ],
    ["quan", "update app.messages set body = 'x'", 0],
    ["eve", `${DELETE}, deleted_by = :eve`, 0],
    ["nobody", "update app.messages set body = 'x'", 0],
    ["minh", "delete from app.messages where sender_id = :minh", "denied"],
    ["minh", "delete from app.messages", 0, "delete"],
    ["auth", "select * from app.messages", "denied"],
    ["system", "select * from app.messages", 8],
    ["system", "update app.messages set body = 'x'", "refused"],
    ["system", "update app.messages set body = ''", "refused"],
    ["system", "update app.messages set deleted_at = now()", "refused"],
    // What was reported and not judged yet, and nothing else.
    ["system", DELETE, 1],
    ["system", `${DELETE} where id = :hello`, 1],
    ["system", "update app.messages set sender_id = :lan", "denied"],
    ["system", `${NEW_MESSAGE} (:fresh, :team, 9, 9, :lan, :another, 'x', now())`, "denied"],
    ["public", "select * from app.messages", "denied"],
  ],
};

const NEW_EDIT =
  "insert into app.message_edits (conversation_id, message_seq, rev, body, replaced_at) values";

/** Kept by the author, read by who may read the message, and gone with what it said. */
export const messageEdits: Coverage = {
  policies: [
    "edits_app_select select app",
    "edits_app_insert insert app",
    "edits_app_delete delete app",
    "edits_system_select select system",
    "edits_system_take_out delete system",
  ],
  grants: { app: "select insert delete", system: "select delete" },
  cells: [
    ["lan", "select * from app.message_edits", 3],
    ["hoa", "select * from app.message_edits", 4],
    ["hoa", "select * from app.message_edits where message_seq = 3", 0],
    ["quan", "select * from app.message_edits", 0],
    ["eve", "select * from app.message_edits", 0],
    ["nobody", "select * from app.message_edits", 0],
    ["minh", `${NEW_EDIT} (:team, 6, 1, 'x', now())`, 1],
    ["lan", `${NEW_EDIT} (:team, 6, 1, 'x', now())`, "refused"],
    // Kim has written the fifth, and Hoa the sixth of the pair.
    ["kim", `${NEW_EDIT} (:team, 6, 1, 'x', now())`, "refused"],
    ["kim", `${NEW_EDIT} (:desk, 2, 1, 'x', now())`, "refused"],
    ["hoa", `${NEW_EDIT} (:team, 6, 1, 'x', now())`, "refused"],
    ["quan", `${NEW_EDIT} (:team, 3, 1, 'x', now())`, "refused"],
    ["nobody", `${NEW_EDIT} (:team, 6, 1, 'x', now())`, "refused"],
    ["lan", "delete from app.message_edits", 3],
    ["minh", "delete from app.message_edits where conversation_id = :team and message_seq = 6", 1],
    ["minh", "delete from app.message_edits where conversation_id = :pair", 0],
    ["hoa", "delete from app.message_edits", 2],
    ["kim", "delete from app.message_edits", 1],
    ["quan", "delete from app.message_edits", 0],
    ["minh", "update app.message_edits set body = 'x'", "denied"],
    ["minh", "update app.message_edits set body = 'x'", 0, "update"],
    ["auth", "select * from app.message_edits", "denied"],
    ["system", "select * from app.message_edits", 7],
    ["system", "delete from app.message_edits", 1],
    ["public", "select * from app.message_edits", "denied"],
  ],
};
