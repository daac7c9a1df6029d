import { sql } from "drizzle-orm";
import { index, jsonb, pgPolicy, text, timestamp, uuid } from "drizzle-orm/pg-core";

import { actingUser, app, appRole, authRole, systemRole } from "../../platform/tables.ts";
import { users } from "../auth/tables.ts";

/** What happened to an account and who did it. Rows are added and read, never changed. */
export const auditEntries = app.table(
  "audit_entries",
  {
    id: uuid().primaryKey(),
    /** Whose account it concerns. */
    userId: uuid()
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** Who did it: the user, somebody with a role, or nobody where the product did. */
    actorId: uuid().references(() => users.id),
    /** `<feature>.<what>`, such as auth.login. */
    action: text().notNull(),
    sessionId: uuid(),
    /** The network that it came from, without the part that names a household. */
    network: text(),
    data: jsonb(),
    createdAt: timestamp({ withTimezone: true }).notNull(),
  },
  (entry) => [
    index().on(entry.userId, entry.createdAt, entry.id),
    index().on(entry.actorId),
    pgPolicy("audit_app_select", {
      for: "select",
      to: appRole,
      using: sql`${entry.userId} = ${actingUser} or (select app.staff_role()) = 'admin'`,
    }),
    // Nobody signs with another's name, though the product may sign with none; only staff writes into others' logs.
    pgPolicy("audit_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: sql`(${entry.actorId} is null or ${entry.actorId} = ${actingUser}) and (${entry.userId} = ${actingUser} or (select app.staff_role()) is not null)`,
    }),
    pgPolicy("audit_auth_insert", { for: "insert", to: authRole, withCheck: sql`true` }),
    pgPolicy("audit_system_insert", { for: "insert", to: systemRole, withCheck: sql`true` }),
  ],
);
