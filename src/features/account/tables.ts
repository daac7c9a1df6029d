import { sql } from "drizzle-orm";
import {
  bigint,
  customType,
  index,
  integer,
  pgPolicy,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";

import { actingUser, app, appRole, authRole, systemRole } from "../../platform/tables.ts";
import { asErasing, users } from "../auth/tables.ts";

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
    pgPolicy("email_changes_system_delete", {
      for: "delete",
      to: systemRole,
      using: asErasing(change.userId),
    }),
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

/** A copy of a user's data that they asked for. A job writes it, its owner fetches it, and it is deleted when it expires. */
export const accountExports = app.table(
  "account_exports",
  {
    id: uuid().primaryKey(),
    userId: uuid()
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    state: text({ enum: ["waiting", "ready", "failed"] }).notNull(),
    requestedAt: timestamp({ withTimezone: true }).notNull(),
    readyAt: timestamp({ withTimezone: true }),
    expiresAt: timestamp({ withTimezone: true }).notNull(),
    bytes: bigint({ mode: "number" }).notNull().default(0),
    /** Of the worker that writes it now; one that lost its lease meanwhile writes no more. */
    attempt: uuid(),
  },
  (wanted) => [
    index().on(wanted.userId, wanted.id),
    index().on(wanted.expiresAt),
    uniqueIndex("account_exports_one_waiting")
      .on(wanted.userId)
      .where(sql`state = 'waiting'`),
    pgPolicy("account_exports_app_select", {
      for: "select",
      to: appRole,
      using: sql`${wanted.userId} = ${actingUser}`,
    }),
    pgPolicy("account_exports_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: sql`${wanted.userId} = ${actingUser} and ${wanted.state} = 'waiting'`,
    }),
    pgPolicy("account_exports_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("account_exports_system_update", { for: "update", to: systemRole, using: sql`true` }),
    pgPolicy("account_exports_system_delete", { for: "delete", to: systemRole, using: sql`true` }),
  ],
);

/** The text of an export, in pieces that a reader and a writer can hold. */
export const accountExportChunks = app.table(
  "account_export_chunks",
  {
    exportId: uuid()
      .notNull()
      .references(() => accountExports.id, { onDelete: "cascade" }),
    /** From 0, without gaps. */
    no: integer().notNull(),
    /** The export's, so that the policy needs no look at another table. */
    userId: uuid()
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    body: text().notNull(),
  },
  (chunk) => [
    primaryKey({ columns: [chunk.exportId, chunk.no] }),
    index().on(chunk.userId),
    pgPolicy("account_export_chunks_app_select", {
      for: "select",
      to: appRole,
      using: sql`${chunk.userId} = ${actingUser}`,
    }),
    pgPolicy("account_export_chunks_system_select", {
      for: "select",
      to: systemRole,
      using: sql`true`,
    }),
    pgPolicy("account_export_chunks_system_insert", {
      for: "insert",
      to: systemRole,
      withCheck: sql`true`,
    }),
    pgPolicy("account_export_chunks_system_delete", {
      for: "delete",
      to: systemRole,
      using: sql`true`,
    }),
  ],
);
