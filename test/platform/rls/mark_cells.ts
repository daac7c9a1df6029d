import type { Coverage } from "./cells.ts";

const NEW_REACTION = "insert into app.message_reactions values";

/** Seen by who may read the message; one's own, and taken away also by the author and by who keeps order. */
export const messageReactions: Coverage = {
  policies: [
    "reactions_app_select select app",
    "reactions_app_insert insert app",
    "reactions_app_delete delete app",
    "reactions_system_select select system",
    "reactions_system_delete delete system",
    "reactions_system_take_out delete system",
  ],
  grants: { app: "select insert delete", system: "select delete" },
  cells: [
    ["lan", "select * from app.message_reactions", 3],
    ["hoa", "select * from app.message_reactions", 3],
    ["hoa", "select * from app.message_reactions where message_seq = 3", 0],
    ["quan", "select * from app.message_reactions", 0],
    ["nobody", "select * from app.message_reactions", 0],
    ["hoa", `${NEW_REACTION} (:team, 6, :hoa, '-', now())`, 1],
    ["hoa", `${NEW_REACTION} (:team, 3, :hoa, '-', now())`, "refused"],
    ["hoa", `${NEW_REACTION} (:team, 6, :lan, '-', now())`, "refused"],
    ["lan", `${NEW_REACTION} (:pair, 2, :lan, '-', now())`, "refused"],
    ["quan", `${NEW_REACTION} (:team, 3, :quan, '-', now())`, "refused"],
    ["lan", `${NEW_REACTION} (:eves_club, 1, :lan, '-', now())`, "refused"],
    ["nobody", `${NEW_REACTION} (:team, 6, :hoa, '-', now())`, "refused"],
    ["hoa", "delete from app.message_reactions", 2],
    ["lan", "delete from app.message_reactions", 3],
    // Not her own at the desk, nor Mai's to what she said there.
    ["kim", "delete from app.message_reactions", 0],
    ["quan", "delete from app.message_reactions", 0],
    ["eve", "delete from app.message_reactions", 0],
    ["hoa", "update app.message_reactions set emoji = '-'", "denied"],
    ["hoa", "update app.message_reactions set emoji = '-'", 0, "update"],
    ["auth", "select * from app.message_reactions", "denied"],
    ["system", "select * from app.message_reactions", 7],
    // Of those whose accounts are being erased, as Minh's is, and what hangs on a message that was reported.
    ["system", "delete from app.message_reactions", 3],
    ["public", "select * from app.message_reactions", "denied"],
  ],
};

const NEW_MENTION = "insert into app.message_mentions values";

/** Written by the author, and counted by whom it names. */
export const messageMentions: Coverage = {
  policies: [
    "mentions_app_select select app",
    "mentions_app_insert insert app",
    "mentions_app_delete delete app",
    "mentions_system_select select system",
    "mentions_system_delete delete system",
    "mentions_system_take_out delete system",
  ],
  grants: { app: "select insert delete", system: "select delete" },
  cells: [
    ["lan", "select * from app.message_mentions", 4],
    ["hoa", "select * from app.message_mentions", 3],
    ["hoa", "select * from app.message_mentions where user_id = :hoa", 2],
    ["kim", "select * from app.message_mentions", 0],
    ["quan", "select * from app.message_mentions", 0],
    ["eve", "select * from app.message_mentions", 0],
    ["nobody", "select * from app.message_mentions", 0],
    ["minh", `${NEW_MENTION} (:team, :kim, 6)`, 1],
    ["kim", `${NEW_MENTION} (:team, :kim, 5)`, 1],
    ["kim", `${NEW_MENTION} (:team, :kim, 6)`, "refused"],
    ["kim", `${NEW_MENTION} (:desk, :kim, 2)`, "refused"],
    ["hoa", `${NEW_MENTION} (:team, :kim, 6)`, "refused"],
    ["quan", `${NEW_MENTION} (:team, :hoa, 3)`, "refused"],
    ["nobody", `${NEW_MENTION} (:team, :lan, 6)`, "refused"],
    ["minh", "delete from app.message_mentions where message_seq = 6", 2],
    ["hoa", "delete from app.message_mentions", 2],
    ["minh", "delete from app.message_mentions", 4],
    ["kim", "delete from app.message_mentions", 0],
    ["quan", "delete from app.message_mentions", 0],
    ["minh", "update app.message_mentions set message_seq = 3", "denied"],
    ["minh", "update app.message_mentions set message_seq = 3", 0, "update"],
    ["auth", "select * from app.message_mentions", "denied"],
    ["system", "select * from app.message_mentions", 8],
    ["system", "delete from app.message_mentions", 3],
    ["public", "select * from app.message_mentions", "denied"],
  ],
};

const NEW_PIN = "insert into app.pinned_messages values";

/** Put up and taken down by who has the permission; an author who deletes takes it down too. */
export const pinnedMessages: Coverage = {
  policies: [
    "pins_app_select select app",
    "pins_app_insert insert app",
    "pins_app_delete delete app",
    "pins_system_select select system",
    "pins_system_take_out delete system",
  ],
  grants: { app: "select insert delete", system: "select delete" },
  cells: [
    ["lan", "select * from app.pinned_messages", 3],
    ["hoa", "select * from app.pinned_messages", 3],
    ["quan", "select * from app.pinned_messages", 0],
    ["nobody", "select * from app.pinned_messages", 0],
    ["hoa", `${NEW_PIN} (:pair, 6, :hoa, now())`, 1],
    ["lan", `${NEW_PIN} (:team, 3, :minh, now())`, "refused"],
    ["kim", `${NEW_PIN} (:desk, 3, :kim, now())`, "refused"],
    ["hoa", `${NEW_PIN} (:team, 3, :hoa, now())`, "refused"],
    ["lan", `${NEW_PIN} (:pair, 2, :lan, now())`, "refused"],
    ["nobody", `${NEW_PIN} (:team, 3, :lan, now())`, "refused"],
    ["lan", "delete from app.pinned_messages", 3],
    ["minh", "delete from app.pinned_messages", 4],
    ["hoa", "delete from app.pinned_messages where conversation_id = :team", 0],
    // What she wrote, as long as she is a member.
    ["kim", "delete from app.pinned_messages", 1],
    ["quan", "delete from app.pinned_messages", 0],
    ["lan", "update app.pinned_messages set pinned_at = now()", "denied"],
    ["lan", "update app.pinned_messages set pinned_at = now()", 0, "update"],
    ["auth", "select * from app.pinned_messages", "denied"],
    ["system", "select * from app.pinned_messages", 6],
    ["system", "delete from app.pinned_messages", 1],
    ["public", "select * from app.pinned_messages", "denied"],
  ],
};

const NEW_THREAD = "insert into app.thread_states (conversation_id, thread_seq, user_id) values";

/** One's own, in threads that one may read; who answers makes the author of the first message follow. */
export const threadStates: Coverage = {
  policies: [
    "thread_states_app_select select app",
    "thread_states_app_insert insert app",
    "thread_states_app_update update app",
    "thread_states_system_select select system",
    "thread_states_system_delete delete system",
  ],
  grants: { app: "select insert update(last_read_seq is_following)", system: "select delete" },
  cells: [
    ["lan", "select * from app.thread_states", 1],
    ["hoa", "select * from app.thread_states", 1],
    ["quan", "select * from app.thread_states", 0],
    ["nobody", "select * from app.thread_states", 0],
    ["lan", `${NEW_THREAD} (:team, 6, :lan)`, 1],
    ["lan", `${NEW_THREAD} (:team, 6, :minh)`, 1],
    ["quan", `${NEW_THREAD} (:team, 6, :minh)`, "refused"],
    ["minh", `${NEW_THREAD} (:team, 6, :lan)`, "refused"],
    // Kim has written the fifth, and Hoa the sixth of the pair.
    ["lan", `${NEW_THREAD} (:team, 3, :kim)`, "refused"],
    ["minh", `${NEW_THREAD} (:team, 3, :hoa)`, "refused"],
    ["minh", `${NEW_THREAD} (:team, 6, :hoa)`, "refused"],
    [
      "lan",
      "insert into app.thread_states (conversation_id, thread_seq, user_id, last_read_seq) values (:team, 6, :minh, 9)",
      "refused",
    ],
    [
      "lan",
      "insert into app.thread_states (conversation_id, thread_seq, user_id, is_following) values (:team, 6, :minh, false)",
      "refused",
    ],
    ["hoa", `${NEW_THREAD} (:team, 3, :hoa)`, "refused"],
    ["quan", `${NEW_THREAD} (:team, 3, :quan)`, "refused"],
    ["nobody", `${NEW_THREAD} (:team, 6, :lan)`, "refused"],
    ["lan", "update app.thread_states set last_read_seq = 9", 1],
    ["kim", "update app.thread_states set last_read_seq = 9", 1],
    ["quan", "update app.thread_states set last_read_seq = 9", 0],
    ["lan", "update app.thread_states set user_id = :hoa", "denied"],
    ["lan", "update app.thread_states set user_id = :hoa", "refused", "update"],
    ["lan", "delete from app.thread_states", "denied"],
    ["lan", "delete from app.thread_states", 0, "delete"],
    ["auth", "select * from app.thread_states", "denied"],
    ["system", "select * from app.thread_states", 5],
    ["system", "delete from app.thread_states", 1],
    ["public", "select * from app.thread_states", "denied"],
  ],
};
