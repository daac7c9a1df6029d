import { isNotNull, isNull, type SQL, sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  customType,
  index,
  integer,
  pgPolicy,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";

import {
  actingUser,
  app,
  appRole,
  authRole,
  ownerRole,
  systemRole,
} from "../../platform/tables.ts";

const bytes = customType<{ data: Uint8Array }>({ dataType: () => "bytea" });
/** The acting user's role where it is more than a user's; read at each statement, so that a loss of it counts at once. */
const staffRole = sql`(select app.staff_role())`;
const everything = { for: "all", to: authRole, using: sql`true`, withCheck: sql`true` } as const;

/** True for a row of a user whose account is being erased; no sooner may the background work touch it. */
export function asErasing(userId: AnyPgColumn): SQL {
  return sql`exists (select 1 from app.accounts a where a.user_id = ${userId} and a.erasing_since is not null)`;
}

/** For how long the row of an ended session stays, for whoever looks into what has happened; then nobody has it. */
const ENDED_KEPT = sql`interval '30 days'`;

/** True for a session that ended so long ago, by a call or by its age, that its row is to be deleted. */
export function asLongEnded(session: { revokedAt: AnyPgColumn; expiresAt: AnyPgColumn }): SQL {
  return sql`least(${session.revokedAt}, ${session.expiresAt}) < now() - ${ENDED_KEPT}`;
}

/** What every signed-in person may know of a user. */
export const users = app.table(
  "users",
  {
    id: uuid().primaryKey(),
    displayName: text().notNull(),
    createdAt: timestamp({ withTimezone: true }).notNull(),
    /** Since when nobody begins anything new with this user: the account is about to be erased, or is. */
    closedAt: timestamp({ withTimezone: true }),
    /** When the account was erased; what is left is the author of what others keep, without a name. */
    erasedAt: timestamp({ withTimezone: true }),
  },
  (user) => [
    pgPolicy("users_app_select", { for: "select", to: appRole, using: sql`true` }),
    pgPolicy("users_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("users_system_erase", { for: "update", to: systemRole, using: asErasing(user.id) }),
    pgPolicy("users_auth", everything),
  ],
);

/** What only the user and the sign-in know; the password hash is granted to the sign-in alone. */
export const accounts = app.table(
  "accounts",
  {
    userId: uuid()
      .primaryKey()
      .references(() => users.id, { onDelete: "cascade" }),
    /** Normalised: NFC, lower case. */
    email: text().notNull().unique(),
    /** When somebody showed that mail to this very address reaches them; null until then. */
    emailVerifiedAt: timestamp({ withTimezone: true }),
    passwordHash: text(),
    role: text({ enum: ["user", "moderator", "admin"] })
      .notNull()
      .default("user"),
    tier: text({ enum: ["free", "premium", "enterprise"] })
      .notNull()
      .default("free"),
    locale: text({ enum: ["vi", "en"] })
      .notNull()
      .default("vi"),
    /** Raised with every change that a session's copy must not outlive: role, tier, ban, names. */
    version: integer().notNull().default(1),
    bannedAt: timestamp({ withTimezone: true }),
    /** When the owner asked for the account to be erased, and when it will be; null while it stays. */
    deletionRequestedAt: timestamp({ withTimezone: true }),
    deletionDueAt: timestamp({ withTimezone: true }),
    /** When the erasure began, after which nobody takes it back. */
    erasingSince: timestamp({ withTimezone: true }),
  },
  (account) => [
    index("accounts_deletion_due")
      .on(account.deletionDueAt)
      .where(isNotNull(account.deletionDueAt)),
    // One policy and in this order, so that nobody's own row costs a look for their role.
    pgPolicy("accounts_app_select", {
      for: "select",
      to: appRole,
      using: sql`${account.userId} = ${actingUser} or ${staffRole} is not null`,
    }),
    pgPolicy("accounts_admin_update", {
      for: "update",
      to: appRole,
      using: sql`${staffRole} = 'admin' and ${account.userId} <> ${actingUser}`,
    }),
    pgPolicy("accounts_moderator_update", {
      for: "update",
      to: appRole,
      using: sql`${staffRole} = 'moderator' and ${account.role} = 'user'`,
    }),
    // The helper app.staff_role() runs as the owner, whom FORCE binds like everybody else.
    pgPolicy("accounts_owner_select", {
      for: "select",
      to: ownerRole,
      using: sql`${account.userId} = ${actingUser}`,
    }),
    pgPolicy("accounts_system_select", { for: "select", to: systemRole, using: sql`true` }),
    // An erasure begins when it is due and goes no way back. A ban holds it, or the address could be registered anew.
    pgPolicy("accounts_system_close", {
      for: "update",
      to: systemRole,
      using: sql`${account.deletionDueAt} <= now() and ${account.bannedAt} is null`,
      withCheck: sql`${account.deletionDueAt} <= now() and ${account.erasingSince} is not null`,
    }),
    pgPolicy("accounts_system_delete", {
      for: "delete",
      to: systemRole,
      using: sql`${account.erasingSince} is not null and ${account.bannedAt} is null`,
    }),
    // To the sign-in an account that is being erased is as good as gone: it neither locks it nor changes it.
    pgPolicy("accounts_auth_select", { for: "select", to: authRole, using: sql`true` }),
    pgPolicy("accounts_auth_insert", {
      for: "insert",
      to: authRole,
      withCheck: sql`${account.erasingSince} is null`,
    }),
    pgPolicy("accounts_auth_update", {
      for: "update",
      to: authRole,
      using: sql`${account.erasingSince} is null`,
    }),
  ],
);

/** One signed-in device. Redis holds a copy; this row is the truth. */
export const sessions = app.table(
  "sessions",
  {
    id: uuid().primaryKey(),
    userId: uuid()
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** Key of the message authentication code in this session's refresh tokens; no token itself is stored. */
    refreshKey: bytes().notNull(),
    /** The counter that the one valid refresh token carries. */
    refreshCounter: integer().notNull().default(0),
    /** The highest counter whose tokens have been seen in use: from then on its predecessor is not honoured any more. */
    seenCounter: integer().notNull().default(0),
    refreshedAt: timestamp({ withTimezone: true }).notNull(),
    /** When the person last proved who they are, and with what. */
    authenticatedAt: timestamp({ withTimezone: true })
      .notNull()
      .default(sql`now()`),
    methods: text().array().notNull().default(["password"]),
    /** What the device calls itself, shortened. */
    device: text().notNull().default(""),
    /** The network that it came from, without the part that names a household. */
    network: text().notNull().default(""),
    lastSeenAt: timestamp({ withTimezone: true })
      .notNull()
      .default(sql`now()`),
    createdAt: timestamp({ withTimezone: true }).notNull(),
    expiresAt: timestamp({ withTimezone: true }).notNull(),
    revokedAt: timestamp({ withTimezone: true }),
  },
  (session) => [
    index().on(session.userId),
    // A sign-in counts those that live, however many of the user's have ended.
    index("sessions_living").on(session.userId).where(isNull(session.revokedAt)),
    index("sessions_ended").on(sql`least(${session.revokedAt}, ${session.expiresAt})`),
    pgPolicy("sessions_auth", everything),
    pgPolicy("sessions_system_select", {
      for: "select",
      to: systemRole,
      using: asErasing(session.userId),
    }),
    pgPolicy("sessions_system_delete", {
      for: "delete",
      to: systemRole,
      using: asErasing(session.userId),
    }),
    pgPolicy("sessions_system_select_ended", {
      for: "select",
      to: systemRole,
      using: asLongEnded(session),
    }),
    pgPolicy("sessions_system_delete_ended", {
      for: "delete",
      to: systemRole,
      using: asLongEnded(session),
    }),
    pgPolicy("sessions_app_select", {
      for: "select",
      to: appRole,
      using: sql`${session.userId} = ${actingUser} or ${staffRole} is not null`,
    }),
    // An end is final: a session that has ended is not given another time, nor begun again.
    pgPolicy("sessions_app_update", {
      for: "update",
      to: appRole,
      using: sql`${session.userId} = ${actingUser} and ${session.revokedAt} is null`,
      withCheck: sql`${session.userId} = ${actingUser} and ${session.revokedAt} is not null`,
    }),
    pgPolicy("sessions_staff_update", {
      for: "update",
      to: appRole,
      using: sql`${session.revokedAt} is null and exists (select 1 from app.accounts a where a.user_id = ${session.userId} and (${staffRole} = 'admin' or (${staffRole} = 'moderator' and a.role = 'user')))`,
      withCheck: sql`${session.revokedAt} is not null and ${staffRole} is not null`,
    }),
  ],
);
