import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Database, openDatabase } from "../../../src/platform/database.ts";
import { defineJob } from "../../../src/platform/queue/definition.ts";
import { createJobSchedule } from "../../../src/platform/queue/schedule.ts";
import { object } from "../../../src/platform/schema.ts";
import { openTestDatabase, silentLog, type TestDatabase } from "../../support/database.ts";
import { until } from "../../support/poll.ts";

const EVERY_MS = 200;

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await openTestDatabase();
  db = await openDatabase({ url: database.url, rolePrefix: "frm", poolSize: 4 });
});
afterAll(async () => {
  await db.close();
  await database[Symbol.asyncDispose]();
});

/** As many processes as are asked for, each with a schedule of its own for one kind of work. */
function schedule(name: string, processes: number, given: Partial<Database> = {}) {
  const kind = defineJob(name, { payload: object({}) });
  const stop = new AbortController();
  const lines: string[] = [];
  const log = { ...silentLog, warn: (line: string) => void lines.push(line) };
  const entries = [{ kind, everyMs: EVERY_MS }];
  const running = Array.from({ length: processes }, () =>
    createJobSchedule({ db: { ...db, ...given }, entries, now: () => new Date(), log }).run(
      stop.signal,
    ),
  );
  const rows = () =>
    database.sql`select id, payload, max_attempts from app.job_outbox where kind = ${name}`;
  const settle = () => database.sql`delete from app.job_outbox where kind = ${name}`;
  return {
    rows,
    settle,
    lines,
    some: () => until("work", async () => (await rows()).length > 0),
    stop: async () => {
      stop.abort();
      await Promise.all(running);
    },
  };
}

test("however many processes ask, there is one job a turn, and the next one when it is done", async () => {
  const { rows, settle, some, stop } = schedule("test.turns", 5);
  try {
    const seen = new Set<string>();
    // A slower process may ask for a turn again whose job was done at once; that is still the same job.
    while (seen.size < 3) {
      await some();
      const found = await rows();
      expect(found).toHaveLength(1);
      expect(found[0]?.["payload"]).toEqual({});
      seen.add(String(found[0]?.["id"]));
      await settle();
    }
  } finally {
    await stop();
  }
});

test("what waits does not pile up, and what is stuck for an hour keeps nobody away", async () => {
  const { rows, some, stop } = schedule("test.piles", 2);
  try {
    await some();
    const turns = Date.now() + 3 * EVERY_MS;
    await until("three turns", () => Date.now() > turns);
    expect(await rows()).toHaveLength(1);
    await database.sql`update app.job_outbox set created_at = now() - interval '61 minutes'
      where kind = 'test.piles'`;
    await until("another one", async () => (await rows()).length === 2);
  } finally {
    await stop();
  }
});

test("nothing is asked for before the first turn begins, nor after the end", async () => {
  const { rows, settle, some, stop } = schedule("test.ends", 1);
  await some();
  await stop();
  await settle();
  const turns = Date.now() + 3 * EVERY_MS;
  await until("three turns", () => Date.now() > turns);
  expect(await rows()).toHaveLength(0);
});

test("a database that is away is told of, and ends nothing", async () => {
  const run = () => Promise.reject(new Error("Cannot reach the database"));
  const { lines, stop } = schedule("test.away", 1, { run });
  await until("a warning", () => lines.length > 0);
  await stop();
  expect(lines).toEqual(["cannot ask for recurring work"]);
});
