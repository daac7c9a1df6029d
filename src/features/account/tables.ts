import { sql } from "drizzle-orm";
import { customType, index, pgPolicy, text, timestamp, uuid } from "drizzle-orm/pg-core";

import { app, authRole, systemRole } from "../../platform/tables.ts";
import { users } from "../auth/tables.ts";

const bytes = customType<{ data: Uint8Array }>({ dataType: () => "bytea" });
const everything = { for: "all", to: authRole, using: sql`true`, withCheck: sql`true` } as const;

/** A wish to move an account to another address, until both addresses have agreed. A user has one at most. */
export const emailChanges = app.table(
  "email_changes",
  {
    id: uuid().primaryKey(),
    userId: uuid()
      .notNull()
      .unique("email_changes_user_id_unique")
      .references(() => users.id, { onDelete: "cascade" }),
    /** The account's address when it was asked for: where that has changed since, the wish is void. */
    oldEmail: text().notNull(),
    newEmail: text().notNull(),
    oldConfirmedAt: timestamp({ withTimezone: true }),
    newConfirmedAt: timestamp({ withTimezone: true }),
    createdAt: timestamp({ withTimezone: true }).notNull(),
    expiresAt: timestamp({ withTimezone: true }).notNull(),
  },
  (change) => [
    index().on(change.expiresAt),
    pgPolicy("email_changes_auth", everything),
    pgPolicy("email_changes_system_select", { for: "select", to: systemRole, using: sql`true` }),
  ],
);

/** What was mailed as a link. The token itself is in the mail alone: here is only what recognises it. */
export const accountTokens = app.table(
  "account_tokens",
  {
    id: uuid().primaryKey(),
    userId: uuid()
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    purpose: text({
      enum: ["email_verification", "password_reset", "email_change_old", "email_change_new"],
    }).notNull(),
    /** SHA-256 of the token. */
    digest: bytes().notNull().unique(),
    /** The address it was mailed to, which alone it speaks for. */
    email: text().notNull(),
    changeId: uuid().references(() => emailChanges.id, { onDelete: "cascade" }),
    /** The mail that carries it; another attempt at the same mail carries another token, and both have to work. */
    mailId: uuid().notNull(),
    createdAt: timestamp({ withTimezone: true }).notNull(),
    expiresAt: timestamp({ withTimezone: true }).notNull(),
  },
  (token) => [
    index().on(token.userId, token.purpose),
    index().on(token.changeId),
    index().on(token.expiresAt),
    pgPolicy("account_tokens_auth_select", { for: "select", to: authRole, using: sql`true` }),
    pgPolicy("account_tokens_auth_delete", { for: "delete", to: authRole, using: sql`true` }),
    pgPolicy("account_tokens_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("account_tokens_system_insert", {
      for: "insert",
      to: systemRole,
      withCheck: sql`true`,
    }),
    pgPolicy("account_tokens_system_delete", { for: "delete", to: systemRole, using: sql`true` }),
  ],
);
