import { afterAll, beforeAll, expect, test } from "bun:test";

import { RedisClient } from "bun";

import { call, PASSWORD, type Person, sessionOf, signIn, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";
import { testServices } from "../../support/services.ts";
import { openSocket } from "../../support/socket.ts";

interface Item {
  id: string;
  device: string;
  network: string;
  isCurrent: boolean;
}

let cluster: Cluster;
let first: Instance;
let second: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  [first, second] = await Promise.all([cluster.start(), cluster.start()]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function list({ token }: Person, query = ""): Promise<Item[]> {
  const answer = await call("GET", `${first.url}/v1/sessions${query}`, { token });
  expect(answer.status).toBe(200);
  return answer.body["items"] as Item[];
}

async function end({ token }: Person, path: string, url = first.url): Promise<number> {
  return (await call("DELETE", `${url}/v1/sessions${path}`, { token })).status;
}

async function statusOf({ token }: Person, url: string): Promise<number> {
  return (await call("GET", `${url}/v1/me`, { token })).status;
}

test("the list shows each device with its name and network, and which one asks", async () => {
  const lan = await signUp(first.url);
  const headers = {
    "user-agent":
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0",
  };
  const login = { email: lan.email, password: PASSWORD, transport: "body" };
  const other = await call("POST", `${second.url}/v1/auth/login`, { body: login, headers });
  const items = await list(lan);
  expect(items.map(({ id, isCurrent }) => [id, isCurrent])).toEqual([
    [sessionOf(String(other.body["accessToken"])), false],
    [sessionOf(lan.token), true],
  ]);
  expect(items[0]).toMatchObject({ device: "Edge, Windows", network: "127.0.0.0/24" });
  expect(JSON.stringify(items)).not.toContain("127.0.0.1");
  expect(Object.keys(items[0] ?? {})).not.toContain("refreshKey");
});

test("the list is paged, and nobody sees another's", async () => {
  const lan = await signUp(first.url);
  const minh = await signUp(first.url);
  for (let count = 0; count < 4; count += 1) await signIn(first.url, lan);
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const query: string = cursor === undefined ? "?limit=2" : `?limit=2&cursor=${cursor}`;
    const { body } = await call("GET", `${first.url}/v1/sessions${query}`, { token: lan.token });
    seen.push(...(body["items"] as Item[]).map(({ id }) => id));
    cursor = (body["page"] as { nextCursor: string | null }).nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect(seen).toHaveLength(5);
  expect(new Set(seen).size).toBe(5);
  expect(seen).toEqual(seen.toSorted().toReversed());
  expect((await list(minh)).map(({ id }) => id)).toEqual([sessionOf(minh.token)]);
  expect(await end(minh, `/${seen[0]}`)).toBe(404);
  expect(await list(lan)).toHaveLength(5);
});

test("a session that its owner ends is refused at once on every instance, and its socket closes", async () => {
  const lan = await signUp(first.url);
  const phone = await signIn(second.url, lan);
  const sockets = [
    await openSocket(first.url, phone.token),
    await openSocket(second.url, phone.token),
  ];
  const own = await openSocket(second.url, lan.token);
  expect(await end(lan, `/${sessionOf(phone.token).toUpperCase()}`)).toBe(204);
  for (const { url } of [first, second]) expect(await statusOf(phone, url)).toBe(401);
  for (const socket of sockets) expect((await socket.closed).code).toBe(4401);
  const refreshed = await call("POST", `${second.url}/v1/auth/refresh`, {
    body: { refreshToken: phone.refreshToken },
  });
  expect([refreshed.status, refreshed.body["code"] as string]).toEqual([401, "session_revoked"]);
  expect(await statusOf(lan, second.url)).toBe(200);
  own.send({ t: "hb", i: 9 });
  await own.next((frame) => frame.t === "hb.ok" && frame.i === 9);
  expect(await end(lan, `/${sessionOf(phone.token)}`)).toBe(404);
});

test("ending the others leaves the one that asks, and ending all leaves none", async () => {
  const lan = await signUp(first.url);
  const others = [await signIn(first.url, lan), await signIn(second.url, lan)];
  expect(await end(lan, "?scope=others")).toBe(204);
  for (const other of others) expect(await statusOf(other, second.url)).toBe(401);
  expect(await statusOf(lan, first.url)).toBe(200);
  const again = await signIn(first.url, lan);
  expect(await end(lan, "?scope=all", second.url)).toBe(204);
  for (const one of [lan, again])
    for (const { url } of [first, second]) expect(await statusOf(one, url)).toBe(401);
  expect(await end(lan, "")).toBe(401);
  expect(await end(await signIn(first.url, lan), "?scope=everything")).toBe(422);
});

test("a user has at most 20 sessions, however many sign in at once; the one away longest goes", async () => {
  const lan = await signUp(first.url);
  const { sql } = cluster.database;
  await sql`update app.sessions set last_seen_at = now() - interval '1 day' where user_id = ${lan.id}`;
  await Promise.all(
    Array.from({ length: 22 }, (_, at) => signIn(at % 2 === 0 ? first.url : second.url, lan)),
  );
  const [row] = await sql`
    select count(*)::int as n from app.sessions where user_id = ${lan.id} and revoked_at is null`;
  expect(row?.["n"]).toBe(20);
  expect(await statusOf(lan, first.url)).toBe(401);
}, 30_000);

test("a session that ended while Redis could not be told is refused as soon as Redis can be", async () => {
  const lan = await signUp(first.url);
  expect(await statusOf(lan, first.url)).toBe(200);
  const { sql } = cluster.database;
  // What an instance leaves behind that ended the session and could not reach Redis.
  await sql`update app.sessions set revoked_at = now() where user_id = ${lan.id}`;
  expect(await statusOf(lan, first.url)).toBe(200);
  const payload = { userId: lan.id, sessionIds: [sessionOf(lan.token)] };
  await sql`insert into app.job_outbox (id, queue, kind, version, payload, max_attempts)
    values (${Bun.randomUUIDv7()}, 'default', 'auth.bury_sessions', 1, ${sql.json(payload)}, 10)`;
  await until("the refusal", async () => (await statusOf(lan, second.url)) === 401);
});

/** As if Redis had come back with nothing of ours in it. */
async function emptyRedis(): Promise<number> {
  const redis = new RedisClient((await testServices()).redisUrl);
  try {
    const keys = (await redis.send("KEYS", [`${cluster.redisPrefix}:*`])) as string[];
    for (const key of keys) await redis.del(key);
    return keys.length;
  } finally {
    redis.close();
  }
}

test("a Redis that has lost everything brings no ended session back, ends no living one, and forgets no reuse", async () => {
  const lan = await signUp(first.url);
  const [gone, robbed] = [await signIn(second.url, lan), await signIn(second.url, lan)];
  const refresh = (refreshToken: string, url: string) =>
    call("POST", `${url}/v1/auth/refresh`, { body: { refreshToken } });
  expect(await end(lan, `/${sessionOf(gone.token)}`)).toBe(204);
  const next = await refresh(robbed.refreshToken, first.url);
  expect(await statusOf({ ...robbed, token: String(next.body["accessToken"]) }, first.url)).toBe(
    200,
  );
  expect(await emptyRedis()).toBeGreaterThan(0);
  for (const { url } of [first, second])
    expect([await statusOf(gone, url), await statusOf(lan, url)]).toEqual([401, 200]);
  expect((await refresh(gone.refreshToken, second.url)).status).toBe(401);
  await cluster.database.sql`update app.sessions set refreshed_at = now() - interval '11 seconds'
    where id = ${sessionOf(robbed.token)}`;
  const reused = await refresh(robbed.refreshToken, second.url);
  expect(String(reused.body["code"])).toBe("refresh_reused");
  expect(await emptyRedis()).toBeGreaterThan(0);
  expect(await statusOf(robbed, first.url)).toBe(401);
});
