import { sql } from "drizzle-orm";
import { boolean, pgPolicy, text, timestamp, uuid } from "drizzle-orm/pg-core";

import { actingUser, app, appRole, systemRole } from "../../platform/tables.ts";
import { asErasing, users } from "../auth/tables.ts";

const own = (userId: unknown) => sql`${userId} = ${actingUser}`;

/** Who may see whether a user is there, and when they were last. Whether they are there now, Redis knows alone. */
export const presenceSettings = app.table(
  "presence_settings",
  {
    userId: uuid()
      .primaryKey()
      .references(() => users.id),
    visibleTo: text({ enum: ["nobody", "contacts", "everybody"] })
      .notNull()
      .default("contacts"),
    lastSeenTo: text({ enum: ["nobody", "contacts", "everybody"] })
      .notNull()
      .default("contacts"),
    /** Whether the user looks as if they were not there, to everybody. */
    isInvisible: boolean().notNull().default(false),
    /** When the user was there last and could be seen. */
    lastSeenAt: timestamp({ withTimezone: true }),
  },
  (settings) => [
    pgPolicy("presence_app_select", { for: "select", to: appRole, using: own(settings.userId) }),
    pgPolicy("presence_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: own(settings.userId),
    }),
    pgPolicy("presence_app_update", {
      for: "update",
      to: appRole,
      using: own(settings.userId),
    }),
    pgPolicy("presence_system_select", { for: "select", to: systemRole, using: sql`true` }),
    // The time at which somebody was last there is written by whichever instance finds them gone.
    pgPolicy("presence_system_insert", { for: "insert", to: systemRole, withCheck: sql`true` }),
    pgPolicy("presence_system_update", { for: "update", to: systemRole, using: sql`true` }),
    pgPolicy("presence_system_erase", {
      for: "delete",
      to: systemRole,
      using: asErasing(settings.userId),
    }),
  ],
);
