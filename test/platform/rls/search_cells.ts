import type { Coverage } from "./cells.ts";

const NEW_WORDS =
  "insert into app.message_words (conversation_id, message_seq, message_id, created_at, words) values";

/** Asked through a function alone, which answers what the acting user may read. */
export const messageWords: Coverage = {
  policies: [
    "words_system_select select system",
    "words_system_insert insert system",
    "words_system_take_out delete system",
    "words_owner_select select owner",
    "words_owner_insert insert owner",
    "words_owner_delete delete owner",
  ],
  ownerSees: 5,
  grants: { system: "select(conversation_id message_seq) insert delete" },
  cells: [
    ["lan", "select * from app.message_words", "denied"],
    ["lan", "select * from app.message_words", 0, "select"],
    ["lan", `${NEW_WORDS} (:pair, 2, :secret, now(), 'x')`, "denied"],
    ["lan", `${NEW_WORDS} (:pair, 2, :secret, now(), 'x')`, "refused", "insert"],
    ["lan", "delete from app.message_words", "denied"],
    ["nobody", "select * from app.message_words", 0, "select"],
    ["auth", "select * from app.message_words", "denied"],
    ["system", `${NEW_WORDS} (:team, 5, :kims, now(), 'x')`, 1],
    ["system", "select * from app.message_words", "denied"],
    ["system", "select message_seq from app.message_words", 5],
    // What was reported and not judged yet, and nothing else.
    ["system", "delete from app.message_words", 1],
    ["system", "delete from app.message_words where message_seq = 3", 0],
    ["system", "update app.message_words set words = ''", "denied"],
    ["public", "select * from app.message_words", "denied"],
  ],
};

/** For who makes the index, and nobody else. */
export const searchStates: Coverage = {
  policies: [
    "search_system all system",
    "search_owner_select select owner",
    "search_owner_insert insert owner",
    "search_owner_hold update owner",
  ],
  ownerSees: 3,
  grants: { system: "select insert update(indexed_seq)" },
  cells: [
    ["lan", "select * from app.search_states", "denied"],
    ["lan", "select * from app.search_states", 0, "select"],
    ["lan", "update app.search_states set indexed_seq = 9", "denied"],
    ["lan", "insert into app.search_states values (:pair, 2)", "refused", "insert"],
    ["auth", "select * from app.search_states", "denied"],
    ["system", "select * from app.search_states", 3],
    ["system", "insert into app.search_states values (:eves_club, 0)", 1],
    ["system", "update app.search_states set indexed_seq = 9", 3],
    ["system", "update app.search_states set conversation_id = :pair", "denied"],
    ["system", "delete from app.search_states", "denied"],
    ["public", "select * from app.search_states", "denied"],
  ],
};
