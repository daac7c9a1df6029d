import { afterAll, beforeAll, expect, test } from "bun:test";

import { makeLink } from "../../../src/features/account/mod.ts";
import { type Database, openDatabase } from "../../../src/platform/database.ts";
import { createLog } from "../../../src/platform/log.ts";
import type { WorkerPlatform } from "../../../src/platform/platform.ts";
import { openTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;
let db: Database;
let platform: WorkerPlatform;

beforeAll(async () => {
  database = await openTestDatabase();
  db = await openDatabase({ url: database.url, rolePrefix: "frm", poolSize: 4 });
  const publicUrl = new URL("https://frm.example/app/");
  platform = { db, now: () => new Date(), config: { publicUrl } } as WorkerPlatform;
});
afterAll(async () => {
  await db.close();
  await database[Symbol.asyncDispose]();
});

async function someone() {
  const userId = Bun.randomUUIDv7();
  const email = `${userId}@example.com`;
  await database.sql`insert into app.users values (${userId}, 'Lan', now())`;
  await database.sql`insert into app.accounts (user_id, email) values (${userId}, ${email})`;
  return { userId, email, purpose: "password_reset" as const };
}

async function digestsOf(userId: string): Promise<string[]> {
  const rows = await database.sql`
    select encode(digest, 'hex') as digest from app.account_tokens where user_id = ${userId}`;
  return rows.map((row) => String(row["digest"])).toSorted();
}

function digestIn(link: string | undefined): string {
  const token = new URL(link ?? "").hash.slice("#token=".length);
  return new Bun.CryptoHasher("sha256").update(token).digest("hex");
}

test("a link has its token behind the #, 256 bits of it, and is made anew each time", async () => {
  const whose = await someone();
  const links = await Promise.all(
    Array.from({ length: 3 }, () => makeLink(platform, { ...whose, mailId: Bun.randomUUIDv7() })),
  );
  for (const link of links)
    expect(link).toMatch(/^https:\/\/frm\.example\/app\/reset-password#token=frv1_[\w-]{43}$/);
  expect(new Set(links).size).toBe(3);
});

test("each attempt at one mail has a link that works, and another mail drops all of them", async () => {
  const whose = await someone();
  const mailId = Bun.randomUUIDv7();
  const one = await makeLink(platform, { ...whose, mailId });
  const two = await makeLink(platform, { ...whose, mailId });
  expect(await digestsOf(whose.userId)).toEqual([digestIn(one), digestIn(two)].toSorted());
  const other = await makeLink(platform, { ...whose, mailId: Bun.randomUUIDv7() });
  expect(await digestsOf(whose.userId)).toEqual([digestIn(other)]);
});

test("however often one mail is tried, and however many mails are made at once, the links are few", async () => {
  const [often, many] = [await someone(), await someone()];
  const mailId = Bun.randomUUIDv7();
  let newest: string | undefined;
  for (let attempt = 0; attempt < 12; attempt += 1)
    newest = await makeLink(platform, { ...often, mailId });
  const kept = await digestsOf(often.userId);
  expect(kept).toHaveLength(8);
  expect(kept).toContain(digestIn(newest));
  await Promise.all(
    Array.from({ length: 10 }, () => makeLink(platform, { ...many, mailId: Bun.randomUUIDv7() })),
  );
  expect(await digestsOf(many.userId)).toHaveLength(1);
});

test("a link for one purpose leaves those for another, and those of other people, alone", async () => {
  const [lan, minh] = [await someone(), await someone()];
  const link = (whose: typeof lan, purpose: "password_reset" | "email_verification") =>
    makeLink(platform, { ...whose, purpose, mailId: Bun.randomUUIDv7() });
  await link(lan, "email_verification");
  await link(minh, "password_reset");
  await link(lan, "password_reset");
  expect(await digestsOf(lan.userId)).toHaveLength(2);
  expect(await digestsOf(minh.userId)).toHaveLength(1);
});

test("for a user or a wish that is gone there is no link", async () => {
  const lan = await someone();
  const mailId = Bun.randomUUIDv7();
  const changeId = Bun.randomUUIDv7();
  expect(
    await makeLink(platform, { ...lan, purpose: "email_change_old", mailId, changeId }),
  ).toBeUndefined();
  const nobody = { ...lan, userId: Bun.randomUUIDv7() };
  expect(await makeLink(platform, { ...nobody, mailId })).toBeUndefined();
  expect(await digestsOf(lan.userId)).toEqual([]);
});

test("a log hides a token wherever it stands", async () => {
  const link = await makeLink(platform, { ...(await someone()), mailId: Bun.randomUUIDv7() });
  const lines: string[] = [];
  const log = createLog({
    level: "info",
    pretty: false,
    write: (line) => lines.push(line),
    now: () => new Date(),
  });
  log.info(`sent ${link}`, { url: link });
  expect(lines.join()).toContain("[redacted]");
  expect(lines.join()).not.toContain("frv1_");
});
