import { sql } from "drizzle-orm";
import {
  bigint,
  index,
  jsonb,
  pgPolicy,
  primaryKey,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";

import { actingUser, app, appRole, systemRole } from "../../platform/tables.ts";
import { asErasing, users } from "../auth/tables.ts";

/** Where each user's own stream of events stands; positions are taken under the row's lock, so they have no gaps. */
export const userStreams = app.table(
  "user_streams",
  {
    userId: uuid()
      .primaryKey()
      .references(() => users.id),
    lastSeq: bigint({ mode: "number" }).notNull(),
  },
  () => [
    // Whoever does something that another user is to hear of raises the position of that user's stream.
    pgPolicy("user_streams_app", {
      for: "all",
      to: appRole,
      using: sql`true`,
      withCheck: sql`true`,
    }),
    pgPolicy("user_streams_system", {
      for: "all",
      to: systemRole,
      using: sql`true`,
      withCheck: sql`true`,
    }),
  ],
);

/** What a user is told of, on all their devices: what has changed for them alone. */
export const userEvents = app.table(
  "user_events",
  {
    userId: uuid()
      .notNull()
      .references(() => users.id),
    seq: bigint({ mode: "number" }).notNull(),
    kind: text().notNull(),
    data: jsonb().notNull(),
    createdAt: timestamp({ withTimezone: true }).notNull(),
  },
  (event) => [
    primaryKey({ columns: [event.userId, event.seq] }),
    index().on(event.createdAt),
    pgPolicy("user_events_app_select", {
      for: "select",
      to: appRole,
      using: sql`${event.userId} = ${actingUser}`,
    }),
    pgPolicy("user_events_app_insert", { for: "insert", to: appRole, withCheck: sql`true` }),
    pgPolicy("user_events_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("user_events_system_insert", { for: "insert", to: systemRole, withCheck: sql`true` }),
    // After thirty days, or when the account is erased.
    pgPolicy("user_events_system_delete", {
      for: "delete",
      to: systemRole,
      using: sql`${event.createdAt} < now() - interval '30 days' or ${asErasing(event.userId)}`,
    }),
  ],
);
