import { sql } from "drizzle-orm";
import {
  bigint,
  customType,
  index,
  pgPolicy,
  primaryKey,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";

import { actingUser, app, appRole, authRole, systemRole } from "../../platform/tables.ts";
import { asErasing, users } from "../auth/tables.ts";

const bytes = customType<{ data: Uint8Array }>({ dataType: () => "bytea" });
const everything = { for: "all", to: authRole, using: sql`true`, withCheck: sql`true` } as const;

/** What a user's authenticator app shares with us; only the sign-in reads it, and without our keys it is of no use. */
export const totpSecrets = app.table(
  "totp_secrets",
  {
    userId: uuid()
      .primaryKey()
      .references(() => users.id, { onDelete: "cascade" }),
    /** Of the signing key from which the sealing key is derived. */
    keyId: text().notNull(),
    sealed: bytes().notNull(),
    /** The newest time step whose code was accepted; neither it nor an older one is ever accepted again. */
    lastStep: bigint({ mode: "number" }).notNull().default(0),
    /** When all wrong codes of the app, and all wrong recovery codes, are forgiven. */
    codeFailuresUntil: timestamp({ withTimezone: true }),
    recoveryFailuresUntil: timestamp({ withTimezone: true }),
    createdAt: timestamp({ withTimezone: true }).notNull(),
    /** Null until a code has shown that the app has the secret; nothing is asked of the user before. */
    confirmedAt: timestamp({ withTimezone: true }),
  },
  (secret) => [
    index().on(secret.keyId),
    pgPolicy("totp_secrets_auth", everything),
    pgPolicy("totp_secrets_system_select", {
      for: "select",
      to: systemRole,
      using: asErasing(secret.userId),
    }),
    pgPolicy("totp_secrets_system_delete", {
      for: "delete",
      to: systemRole,
      using: asErasing(secret.userId),
    }),
    pgPolicy("totp_secrets_app_select", {
      for: "select",
      to: appRole,
      using: sql`${secret.userId} = ${actingUser}`,
    }),
  ],
);

/** Codes for whoever has lost the authenticator app, each of which works once and is then deleted. */
export const recoveryCodes = app.table(
  "recovery_codes",
  {
    userId: uuid()
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** SHA-256; the code has too many bits to be guessed from it. */
    digest: bytes().notNull(),
  },
  (code) => [
    primaryKey({ columns: [code.userId, code.digest] }),
    pgPolicy("recovery_codes_auth", everything),
    pgPolicy("recovery_codes_system_select", {
      for: "select",
      to: systemRole,
      using: asErasing(code.userId),
    }),
    pgPolicy("recovery_codes_system_delete", {
      for: "delete",
      to: systemRole,
      using: asErasing(code.userId),
    }),
    pgPolicy("recovery_codes_app_select", {
      for: "select",
      to: appRole,
      using: sql`${code.userId} = ${actingUser}`,
    }),
  ],
);
