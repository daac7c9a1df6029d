import { isNotNull, isNull, sql } from "drizzle-orm";
import {
  bigint,
  index,
  jsonb,
  pgPolicy,
  pgRole,
  pgSchema,
  smallint,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";

/** Everything of ours lives in one schema, so that a shared or managed database keeps its own `public`. */
export const app = pgSchema("app");

/** The roles exist before the tables: the migration runner creates them, with DB_ROLE_PREFIX in the place of frm. */
export const appRole = pgRole("frm_app").existing();
export const authRole = pgRole("frm_auth").existing();
export const systemRole = pgRole("frm_system").existing();
export const ownerRole = pgRole("frm_owner").existing();

/** The acting user, from the claims of the transaction; the sub-select makes Postgres evaluate it once a statement. */
export const actingUser = sql`(select app.user_id())`;

/**
 * What must still be told to the other instances. A row is written in the transaction of its cause and deleted once it
 * was published, so that an instance that dies in between leaves the work to another.
 */
export const busOutbox = app.table(
  "bus_outbox",
  {
    id: uuid().primaryKey(),
    channel: text().notNull(),
    /** Position of the event in its channel; null for a control message, whose text is in `payload`. */
    seq: bigint({ mode: "number" }),
    /** How many events follow each other from there. */
    events: smallint().notNull().default(1),
    payload: text(),
    createdAt: timestamp({ withTimezone: true })
      .notNull()
      .default(sql`clock_timestamp()`),
  },
  (row) => [
    index().on(row.createdAt),
    pgPolicy("bus_outbox_app_insert", { for: "insert", to: appRole, withCheck: sql`true` }),
    pgPolicy("bus_outbox_auth_insert", { for: "insert", to: authRole, withCheck: sql`true` }),
    pgPolicy("bus_outbox_system", {
      for: "all",
      to: systemRole,
      using: sql`true`,
      withCheck: sql`true`,
    }),
  ],
);

/** Secrets that development generates once, so that all instances on one database agree. Empty in production. */
export const devSecrets = app.table(
  "dev_secrets",
  { name: text().primaryKey(), value: text().notNull() },
  () => [
    pgPolicy("dev_secrets_auth", {
      for: "all",
      to: authRole,
      using: sql`true`,
      withCheck: sql`true`,
    }),
  ],
);

/**
 * Work that somebody's transaction asked for. The row stays until the work is settled, so that a Redis which lost its
 * data is filled again from here. Rows are marked with a batch rather than read by a cursor on their ids, because an
 * id that was made earlier may be committed later.
 */
export const jobOutbox = app.table(
  "job_outbox",
  {
    /** The job's id. */
    id: uuid().primaryKey(),
    queue: text().notNull(),
    kind: text().notNull(),
    version: smallint().notNull(),
    payload: jsonb().notNull(),
    maxAttempts: smallint().notNull(),
    /** Null until a relay has put the row into a batch. */
    batch: bigint({ mode: "number" }),
    createdAt: timestamp({ withTimezone: true })
      .notNull()
      .default(sql`clock_timestamp()`),
  },
  (row) => [
    index("job_outbox_waiting").on(row.queue, row.id).where(isNull(row.batch)),
    index("job_outbox_sent").on(row.queue, row.batch).where(isNotNull(row.batch)),
    pgPolicy("job_outbox_app_insert", { for: "insert", to: appRole, withCheck: sql`true` }),
    pgPolicy("job_outbox_auth_insert", { for: "insert", to: authRole, withCheck: sql`true` }),
    pgPolicy("job_outbox_system", {
      for: "all",
      to: systemRole,
      using: sql`true`,
      withCheck: sql`true`,
    }),
  ],
);

/** The number of each queue's last batch; Redis keeps the number of the last one it was given. */
export const jobOutboxHead = app.table(
  "job_outbox_head",
  { queue: text().primaryKey(), lastBatch: bigint({ mode: "number" }).notNull() },
  () => [
    pgPolicy("job_outbox_head_system", {
      for: "all",
      to: systemRole,
      using: sql`true`,
      withCheck: sql`true`,
    }),
  ],
);
