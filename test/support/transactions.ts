import { sql } from "drizzle-orm";

import type { Transaction } from "../../src/platform/database.ts";
import { AppError } from "../../src/platform/errors.ts";
import type { TestDatabase } from "./database.ts";

/** Leaves a row that tells whether its transaction was committed. */
export async function leave(tx: Transaction, mark: string): Promise<void> {
  await tx.execute(
    sql`insert into app.bus_outbox (id, channel) values (${Bun.randomUUIDv7()}, ${mark})`,
  );
}

/** How many rows with that mark are committed. */
export async function countLeft(database: TestDatabase, mark: string): Promise<number | undefined> {
  const rows = await database.sql<{ n: number }[]>`
    select count(*)::int as n from app.bus_outbox where channel = ${mark}`;
  return rows[0]?.n;
}

/** `done`, the code of an expected failure, or the message of any other. */
export async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    if (error instanceof AppError) return error.kind.code;
    return error instanceof Error ? error.message : "thrown";
  }
}
