import { sql } from "drizzle-orm";
import { index, pgPolicy, primaryKey, timestamp, uuid } from "drizzle-orm/pg-core";

import { actingUser, app, appRole, ownerRole, systemRole } from "../../platform/tables.ts";
import { asErasing, users } from "../auth/tables.ts";

/** Whom a user wants to hear nothing of. Nobody else is told, not even who asks whether two can reach each other. */
export const blocks = app.table(
  "blocks",
  {
    blockerId: uuid()
      .notNull()
      .references(() => users.id),
    blockedId: uuid()
      .notNull()
      .references(() => users.id),
    createdAt: timestamp({ withTimezone: true }).notNull(),
  },
  (block) => [
    primaryKey({ columns: [block.blockerId, block.blockedId] }),
    index().on(block.blockedId),
    index().on(block.blockerId, block.createdAt, block.blockedId),
    pgPolicy("blocks_app_select", {
      for: "select",
      to: appRole,
      using: sql`${block.blockerId} = ${actingUser}`,
    }),
    pgPolicy("blocks_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: sql`${block.blockerId} = ${actingUser} and ${block.blockedId} <> ${actingUser}`,
    }),
    pgPolicy("blocks_app_delete", {
      for: "delete",
      to: appRole,
      using: sql`${block.blockerId} = ${actingUser}`,
    }),
    // The helpers that ask about both directions run as the owner, and answer no more than whether there is any.
    pgPolicy("blocks_owner_select", {
      for: "select",
      to: ownerRole,
      using: sql`${block.blockerId} = ${actingUser} or ${block.blockedId} = ${actingUser}`,
    }),
    pgPolicy("blocks_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("blocks_system_delete", {
      for: "delete",
      to: systemRole,
      using: asErasing(block.blockerId),
    }),
  ],
);
