import { afterAll, beforeAll, expect, test } from "bun:test";

import { announceStatus } from "../../../src/features/presence/service/announcement.ts";
import type { Opened } from "../../../src/platform/open.ts";
import { type Cluster, openCluster } from "../../support/instance.ts";
import { openNode } from "../../support/platform.ts";

let cluster: Cluster;
let node: Opened & AsyncDisposable;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  node = await openNode(cluster);
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

/** Somebody who has never said who may see them. */
async function makeUser(): Promise<string> {
  const { sql } = cluster.database;
  const userId = Bun.randomUUIDv7();
  await sql`insert into app.users (id, display_name, created_at) values (${userId}, 'Lan', now())`;
  await sql`insert into app.accounts (user_id, email) values (${userId}, ${`${userId}@example.com`})`;
  return userId;
}
async function lastSeen(userId: string): Promise<Date | null | undefined> {
  const [row] = await cluster.database.sql<{ last_seen_at: Date | null }[]>`
    select last_seen_at from app.presence_settings where user_id = ${userId}`;
  return row?.last_seen_at;
}

test("when somebody goes is noted each time, and nothing else of theirs changes", async () => {
  const { sql } = cluster.database;
  const userId = await makeUser();
  await announceStatus(node.platform, { userId, status: "online" });
  expect(await lastSeen(userId)).toBeUndefined();
  await announceStatus(node.platform, { userId, status: "offline" });
  const first = await lastSeen(userId);
  await sql`update app.presence_settings set visible_to = 'nobody' where user_id = ${userId}`;
  await announceStatus(node.platform, { userId, status: "offline" });
  expect(Number(await lastSeen(userId))).toBeGreaterThan(Number(first));
  const [row] = await sql`select visible_to from app.presence_settings where user_id = ${userId}`;
  expect(row?.["visible_to"]).toBe("nobody");
});

test("of who is invisible, or is being erased, nothing is noted", async () => {
  const { sql } = cluster.database;
  const [hidden, leaving] = [await makeUser(), await makeUser()];
  await sql`insert into app.presence_settings (user_id, is_invisible) values (${hidden}, true)`;
  await sql`update app.accounts set erasing_since = now() where user_id = ${leaving}`;
  for (const userId of [hidden, leaving, crypto.randomUUID()])
    await announceStatus(node.platform, { userId, status: "offline" });
  expect([await lastSeen(hidden), await lastSeen(leaving)]).toEqual([null, undefined]);
});
