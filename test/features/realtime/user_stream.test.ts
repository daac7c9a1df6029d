import { afterAll, beforeAll, expect, test } from "bun:test";

import { Type } from "@sinclair/typebox/type";

import { appendUserEvents, userEvent } from "../../../src/features/realtime/mod.ts";
import { sweepUserEvents } from "../../../src/features/realtime/service/stream_sweep.ts";
import type { Opened } from "../../../src/platform/open.ts";
import { defineUserEvent } from "../../../src/platform/realtime/user_events.ts";
import { type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openNode } from "../../support/platform.ts";
import { until } from "../../support/poll.ts";
import { type Frame, openSocket, type TestSocket } from "../../support/socket.ts";

const Counted = defineUserEvent("test.counted", {
  meaning: "a number",
  data: Type.Object({ n: Type.Integer() }),
});

/** Instances start slowly on a busy machine. */
const START_MS = 90_000;

let cluster: Cluster;
let instances: Instance[];
let node: Opened & AsyncDisposable;

beforeAll(async () => {
  cluster = await openCluster();
  instances = await Promise.all([cluster.start(), cluster.start()]);
  node = await openNode(cluster);
}, START_MS);
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const system = { role: "system" } as const;
const address = () => instances[0]?.url ?? "";

/** Tells each of the users the number, as a feature would in a transaction of its own. */
async function tell(n: number, ...userIds: string[]): Promise<void> {
  const { db, outbox, now } = node.platform;
  const events = userIds.map((userId) => userEvent(userId, Counted, { n }));
  outbox.publish(await db.run(system, (tx) => appendUserEvents(tx, events, now())));
}
/** A socket of the person on each instance. */
async function openEverywhere({ token }: Person): Promise<TestSocket[]> {
  return await Promise.all(instances.map(({ url }) => openSocket(url, token)));
}
function ownEvents({ frames }: TestSocket): Frame[] {
  return frames.filter(({ t, ch }) => t === "ev" && ch === "u");
}
async function untilPosition(sockets: TestSocket[], seq: number): Promise<void> {
  for (const socket of sockets)
    await socket.next((frame) => frame.ch === "u" && frame.seq === seq, `position ${seq}`);
}
async function sync(socket: TestSocket, frame: object): Promise<Frame> {
  const i = 100 + socket.frames.length;
  socket.send({ t: "sync", i, ch: "u", ...frame });
  return await socket.next((answer) => answer.i === i, "the answer to sync");
}

test("events that many transactions append at once have positions without gaps, and reach all devices in order", async () => {
  const [lan, minh] = [await signUp(address()), await signUp(address())];
  const [devices, others] = [await openEverywhere(lan), await openEverywhere(minh)];
  await Promise.all(Array.from({ length: 100 }, (_, n) => tell(n, lan.id)));
  await tell(100, lan.id, minh.id);
  await untilPosition(devices, 101);
  await untilPosition(others, 1);
  const [first = [], second = []] = devices.map(ownEvents);
  expect(first.map(({ seq }) => seq)).toEqual(Array.from({ length: 101 }, (_, at) => at + 1));
  expect(second).toEqual(first);
  const told = first.map(({ k, d }) => [k, d?.["n"]]);
  expect(new Set(told.map(([, n]) => n)).size).toBe(101);
  expect(told.at(-1)).toEqual(["test.counted", 100]);
  // Nothing of somebody else's.
  for (const other of others) expect(ownEvents(other).map(({ d }) => d)).toEqual([{ n: 100 }]);
  for (const socket of [...devices, ...others]) socket.close();
});

test("transactions that tell the same users in different orders do not wait for each other in a circle", async () => {
  const [lan, minh, hoa] = await Promise.all([1, 2, 3].map(() => signUp(address())));
  const ids = [lan, minh, hoa].map((person) => person?.id ?? "");
  const devices = await openEverywhere(lan as Person);
  await Promise.all(
    Array.from({ length: 60 }, (_, n) => tell(n, ...(n % 2 === 0 ? ids : ids.toReversed()))),
  );
  await untilPosition(devices, 60);
  const tops = await cluster.database.sql<{ last_seq: string }[]>`
    select last_seq from app.user_streams where user_id = any(${ids})`;
  expect(tops.map((row) => Number(row.last_seq))).toEqual([60, 60, 60]);
  for (const device of devices) device.close();
});

test("what a process committed and was killed before it could tell is told by another one", async () => {
  const lan = await signUp(address());
  const devices = await openEverywhere(lan);
  await tell(1, lan.id);
  const url = cluster.database.url.href;
  const dying = Bun.spawn([process.execPath, "test/support/dying_appender.ts", url, lan.id], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await dying.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("committed\n");
  dying.kill("SIGKILL");
  await dying.exited;
  await untilPosition(devices, 2);
  await tell(3, lan.id);
  await untilPosition(devices, 3);
  for (const device of devices) {
    const events = ownEvents(device);
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(events.map(({ k }) => k)).toEqual(["test.counted", "test.last_words", "test.counted"]);
    device.close();
  }
});

test("a transaction that is undone takes no position, and what does not fit its kind is refused", async () => {
  const lan = await signUp(address());
  const { db, now } = node.platform;
  const attempt = (data: object) =>
    db.run(system, async (tx) => {
      await appendUserEvents(tx, [userEvent(lan.id, Counted, data as { n: number })], now());
      throw new Error("undone");
    });
  for (const [data, message] of [
    [{ n: 1 }, "undone"],
    [{ n: "x" }, `Cannot append "test.counted": its data does not fit`],
  ] as const)
    expect(await attempt(data).catch((error: Error) => error.message)).toBe(message);
  const twice = db.run(system, (tx) =>
    appendUserEvents(
      tx,
      [1, 2].map((n) => userEvent(lan.id, Counted, { n })),
      now(),
    ),
  );
  expect(await twice.catch((error: Error) => error.message)).toMatch(/named twice/);
  const [device] = await openEverywhere(lan);
  await tell(7, lan.id);
  expect((await device?.next(({ ch }) => ch === "u"))?.seq).toBe(1);
  device?.close();
});

test("hello and hb tell where the stream stands, and sync brings what a device has missed, page by page", async () => {
  const lan = await signUp(address());
  for (let n = 1; n <= 5; n += 1) await tell(n, lan.id);
  const device = await openSocket(address(), lan.token, { u: 2 });
  expect(device.frames[0]?.["u"]).toBe(5);
  device.send({ t: "hb", i: 50, p: { u: 2 } });
  expect((await device.next(({ i }) => i === 50))["top"]).toEqual({ u: 5 });
  const page = await sync(device, { from: 2, lim: 2 });
  expect(page).toMatchObject({ t: "sync.ok", from: 2, to: 4, more: true });
  const rest = await sync(device, { from: 4, lim: 2 });
  expect(rest).toMatchObject({ from: 4, to: 5, more: false });
  const events = [page, rest].flatMap(({ ev }) => ev as Frame[]);
  expect(events.map(({ ch, seq, k, d }) => [ch, seq, k, d])).toEqual(
    [3, 4, 5].map((n) => ["u", n, "test.counted", { n }]),
  );
  expect(await sync(device, { from: 5 })).toMatchObject({ to: 5, ev: [], more: false });
  device.close();
});

test("events are kept for 30 days; who was away for longer is told to begin anew, and who was not is not", async () => {
  const { sql } = cluster.database;
  const lan = await signUp(address());
  for (let n = 1; n <= 4; n += 1) await tell(n, lan.id);
  await sql`update app.user_events set created_at = now() - interval '30 days 1 minute'
    where user_id = ${lan.id} and seq <= 2`;
  await sql`update app.user_events set created_at = now() - interval '29 days 23 hours'
    where user_id = ${lan.id} and seq = 3`;
  await sweepUserEvents(node.platform, new AbortController().signal);
  // After thirty days the copies in Redis are long gone.
  const { redis, keys } = node.platform;
  await redis.client.del(keys.window(`u:${lan.id}`));
  const rows = await sql<{ seq: string }[]>`
    select seq from app.user_events where user_id = ${lan.id} order by seq`;
  expect(rows.map(({ seq }) => Number(seq))).toEqual([3, 4]);
  const device = await openSocket(address(), lan.token);
  expect(await sync(device, { from: 1 })).toMatchObject({ to: 4, ev: [], reset: true });
  const kept = await sync(device, { from: 2 });
  expect([kept["to"], kept["reset"], (kept["ev"] as Frame[]).length]).toEqual([4, undefined, 2]);
  // A position that was never given.
  expect(await sync(device, { from: 9 })).toMatchObject({ to: 4, reset: true });
  // The stream goes on where it stood, also when nothing of it is left.
  await sql`delete from app.user_events where user_id = ${lan.id}`;
  await tell(5, lan.id);
  expect((await device.next(({ t, ch }) => t === "ev" && ch === "u")).seq).toBe(5);
  device.close();
});

test("the sweep is asked for as a job, and what is told to stop stops", async () => {
  const { sql } = cluster.database;
  const id = Bun.randomUUIDv7();
  await sql`insert into app.job_outbox (id, queue, kind, version, payload, max_attempts)
    values (${id}, 'default', 'realtime.sweep_user_events', 1, '{}', 3)`;
  await until("the sweep", async () => {
    return (await sql`select 1 from app.job_outbox where id = ${id}`).length === 0;
  });
  const stopped = sweepUserEvents(node.platform, AbortSignal.abort(new Error("told to stop")));
  expect(await stopped.catch((error: Error) => error.message)).toBe("told to stop");
});
