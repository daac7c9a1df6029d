import { afterAll, beforeAll, expect, test } from "bun:test";

import { Type } from "@sinclair/typebox";
import { sql } from "drizzle-orm";

import { type Actor, type Database, openDatabase } from "../../../src/platform/database.ts";
import { defineJob, MAX_PAYLOAD_BYTES } from "../../../src/platform/queue/definition.ts";
import { enqueue } from "../../../src/platform/queue/enqueue.ts";
import { openTestDatabase, type TestDatabase } from "../../support/database.ts";

const kind = defineJob("test.kind", {
  payload: Type.Object({ text: Type.String() }),
  version: 2,
  maxAttempts: 5,
});
const user = { role: "app", userId: Bun.randomUUIDv7() } as const;
const stranger = { role: "auth" } as const;

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await openTestDatabase();
  db = await openDatabase({ url: database.url, rolePrefix: "frm", poolSize: 2 });
});
afterAll(async () => {
  await db.close();
  await database[Symbol.asyncDispose]();
});

function rows() {
  return database.sql`select id, kind, version, payload, max_attempts as max, batch from app.job_outbox`;
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  return String(await work.then(() => "nothing failed").catch((error: unknown) => error));
}

test("a user's or a stranger's transaction stores what it asks for, and only when it commits", async () => {
  const aborted = db.run(user, async (tx) => {
    await enqueue(tx, kind, { text: "never" });
    throw new Error("changed my mind");
  });
  expect(await failureOf(aborted)).toContain("changed my mind");
  expect(await rows()).toHaveLength(0);
  const ids = [
    await db.run(user, (tx) => enqueue(tx, kind, { text: "ü" })),
    await db.run(stranger, (tx) => enqueue(tx, kind, { text: "b" })),
  ];
  const fields = { kind: "test.kind", version: 2, max: 5, batch: null };
  expect([...(await rows())]).toEqual([
    { id: ids[0], payload: { text: "ü" }, ...fields },
    { id: ids[1], payload: { text: "b" }, ...fields },
  ]);
});

test("what is not of the kind, or too large, is refused before anything is stored", async () => {
  const before = (await rows()).length;
  const wrong: unknown[] = [{}, { text: 1 }, undefined, { text: "x".repeat(MAX_PAYLOAD_BYTES) }];
  for (const payload of wrong) {
    const work = db.run(user, (tx) => enqueue(tx, kind, payload as { text: string }));
    expect(await failureOf(work)).toStartWith(`Error: Cannot enqueue "test.kind"`);
  }
  expect(await rows()).toHaveLength(before);
});

test.each([user, stranger, { role: "public" }] as Actor[])(
  "whoever asks for work can neither read nor change what others asked for: %p",
  async (actor) => {
    await db.run(user, (tx) => enqueue(tx, kind, { text: "secret" }));
    const before = [...(await rows())];
    const attempts = [
      sql`select * from app.job_outbox`,
      sql`select * from app.job_outbox_head`,
      sql`update app.job_outbox set payload = '{}'`,
      sql`update app.job_outbox set batch = 1`,
      sql`delete from app.job_outbox`,
      sql`insert into app.job_outbox_head (queue, last_batch) values ('x', 1)`,
      sql`truncate app.job_outbox`,
    ];
    for (const attempt of attempts) {
      const failure = await db.run(actor, (tx) => tx.execute(attempt)).catch((e: unknown) => e);
      expect((failure as { cause?: { code?: string } }).cause?.code).toBe("42501");
    }
    expect([...(await rows())]).toEqual(before);
  },
);

test("the relay may change a batch and nothing else of a row", async () => {
  const change = sql`update app.job_outbox set payload = '{}'`;
  const failure = db.run({ role: "system" }, (tx) => tx.execute(change));
  expect(await failureOf(failure)).not.toBe("nothing failed");
});
