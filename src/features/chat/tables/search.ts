import { sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  customType,
  index,
  pgPolicy,
  primaryKey,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";

import { app, ownerRole, systemRole } from "../../../platform/tables.ts";
import { asReported, conversations } from "./conversations.ts";
import { messageAt } from "./messages.ts";

const tsvector = customType<{ data: string }>({ dataType: () => "tsvector" });

/** The helper `app.index_message()` runs as the owner, and changes what is found in conversations of the acting user alone. */
function whereMember(conversationId: AnyPgColumn) {
  return sql`app.conversation_role(${conversationId}) is not null`;
}

/** The words of each message that is in the index of the search; the text itself is asked for phrases alone. */
export const messageWords = app.table(
  "message_words",
  {
    conversationId: uuid().notNull(),
    messageSeq: bigint({ mode: "number" }).notNull(),
    /** The same as of the message, by which what is found is sorted. */
    messageId: uuid().notNull(),
    createdAt: timestamp({ withTimezone: true }).notNull(),
    words: tsvector().notNull(),
  },
  (row) => [
    primaryKey({ columns: [row.conversationId, row.messageSeq] }),
    // Each word begins with its conversation, so that a search reads nothing of the others. Nobody waits for the writing
    // of it, so nothing is collected for later, which a search would have to read through.
    index("message_words_search").using("gin", row.words).with({ fastupdate: false }),
    messageAt("message_words_message", row.conversationId, row.messageSeq),
    pgPolicy("words_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("words_system_insert", { for: "insert", to: systemRole, withCheck: sql`true` }),
    pgPolicy("words_system_take_out", {
      for: "delete",
      to: systemRole,
      using: asReported(row.conversationId, row.messageSeq),
    }),
    // For `app.find_messages()`, which keeps to what the acting user may read.
    pgPolicy("words_owner_select", { for: "select", to: ownerRole, using: sql`true` }),
    pgPolicy("words_owner_insert", {
      for: "insert",
      to: ownerRole,
      withCheck: whereMember(row.conversationId),
    }),
    pgPolicy("words_owner_delete", {
      for: "delete",
      to: ownerRole,
      using: whereMember(row.conversationId),
    }),
  ],
);

/** How far the messages of each conversation are in the index; a search reads those behind it one by one. */
export const searchStates = app.table(
  "search_states",
  {
    conversationId: uuid()
      .primaryKey()
      .references(() => conversations.id, { onDelete: "cascade" }),
    indexedSeq: bigint({ mode: "number" }).notNull().default(0),
  },
  (row) => [
    pgPolicy("search_system", {
      for: "all",
      to: systemRole,
      using: sql`true`,
      withCheck: sql`true`,
    }),
    pgPolicy("search_owner_select", { for: "select", to: ownerRole, using: sql`true` }),
    pgPolicy("search_owner_insert", {
      for: "insert",
      to: ownerRole,
      withCheck: whereMember(row.conversationId),
    }),
    // It holds the row, and changes nothing in it.
    pgPolicy("search_owner_hold", {
      for: "update",
      to: ownerRole,
      using: whereMember(row.conversationId),
      withCheck: sql`false`,
    }),
  ],
);
