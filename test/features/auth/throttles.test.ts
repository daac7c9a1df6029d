import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";

import { openRedis, type Redis } from "../../../src/platform/redis.ts";
import { type Answer, call, PASSWORD, signUp } from "../../support/client.ts";
import { silentLog } from "../../support/database.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";
import { openTestRedisServer } from "../../support/redis_server.ts";
import { testServices } from "../../support/services.ts";
import { age, hold } from "../../support/throttle.ts";

setDefaultTimeout(30_000);

/** As the policies of logins have it. */
const FREE_OF_PAIR = 10;
/** Long against what a busy machine takes for the rest of a test. */
const LONG_WAIT_S = 120;
const ORIGIN = "https://app.example.com";
const STRICT = { LIMITS_SCALE: "1", WEB_ORIGINS: ORIGIN };
const BEHIND_PROXY = { ...STRICT, TRUSTED_PROXIES: "127.0.0.1,10.0.0.0/8" };

let cluster: Cluster;
let bare: Instance;
let proxied: [Instance, Instance];
let redis: Redis;
beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  const [one, other, third] = await Promise.all([
    cluster.start(STRICT),
    cluster.start(BEHIND_PROXY),
    cluster.start(BEHIND_PROXY),
  ]);
  bare = one;
  proxied = [other, third];
  const { redisUrl } = await testServices();
  redis = await openRedis({ url: new URL(redisUrl), log: silentLog, name: "test" });
});
afterAll(async () => {
  await redis.close();
  await cluster[Symbol.asyncDispose]();
});

interface Guess {
  email: string;
  password?: string;
  from?: string;
}

async function guess(at: Instance, { email, password = "wrong", from }: Guess): Promise<Answer> {
  return await call("POST", `${at.url}/v1/auth/login`, {
    body: { email, password },
    headers: { origin: ORIGIN, ...(from === undefined ? {} : { "x-forwarded-for": from }) },
  });
}

function unknown(): string {
  return `${crypto.randomUUID()}@example.com`;
}

let callers = 0;
/** An address that no other test has. */
function newCaller(): string {
  callers += 1;
  return `203.0.113.${callers}`;
}

function countOf(answers: Answer[], status: number): number {
  return answers.filter((answer) => answer.status === status).length;
}

/** From now on everybody who has failed has to wait, for longer than any test lasts. */
async function holdAll(policy: string, prefix = cluster.redisPrefix): Promise<void> {
  await hold(redis.client, prefix, { policy, ms: LONG_WAIT_S * 1_000 });
}

/** How many guesses may be looked at when they come within this time: the free ones, and one after each wait. */
function mostWithin(ms: number): number {
  return FREE_OF_PAIR + Math.floor(Math.log2(1 + ms / 1_000));
}

test("the limit holds across instances, the same for an address that has an account and one that has none", async () => {
  const { email } = await signUp(proxied[0].url);
  const seen = [];
  for (const tried of [email, unknown()]) {
    const who = { email: tried, from: newCaller() };
    const statuses: number[] = [];
    for (let turn = 0; turn < FREE_OF_PAIR; turn += 1)
      statuses.push((await guess(proxied[turn % 2 === 0 ? 0 : 1], who)).status);
    await holdAll("pair");
    const { status, body } = await guess(proxied[1], who);
    seen.push({ statuses, status, problem: { ...body, requestId: "", instance: "" } });
  }
  expect(seen[0]?.statuses).toEqual(Array<number>(FREE_OF_PAIR).fill(401));
  expect(seen[0]?.problem).toMatchObject({ code: "too_many_attempts", status: 429 });
  expect(seen[1]).toEqual(seen[0]);
});

test("while it has to wait, not even the right password is looked at; after Retry-After it is, and wipes the slate", async () => {
  const { email } = await signUp(proxied[0].url);
  const who = { email, from: newCaller() };
  await guess(proxied[0], who);
  await holdAll("pair");
  const right = { ...who, password: PASSWORD };
  const refused = await guess(proxied[1], right);
  expect(refused.status).toBe(429);
  expect(refused.headers.has("set-cookie")).toBe(false);
  // A page on an allowed origin can read why, and how long it has to wait.
  expect(refused.headers.get("access-control-allow-origin")).toBe(ORIGIN);
  expect(refused.headers.get("access-control-expose-headers")).toContain("Retry-After");
  const wait = Number(refused.headers.get("retry-after"));
  await age(redis.client, cluster.redisPrefix, wait * 1_000);
  expect((await guess(proxied[1], right)).status).toBe(200);
  // Without a clean slate, the second of them would have to wait.
  for (let turn = 0; turn < 3; turn += 1) expect((await guess(proxied[0], who)).status).toBe(401);
});

test("Retry-After tells the truth by the clock on the wall, too", async () => {
  const who = { email: unknown(), from: newCaller() };
  let refused = await guess(proxied[0], who);
  while (refused.status !== 429) refused = await guess(proxied[0], who);
  const over = performance.now() + Number(refused.headers.get("retry-after")) * 1_000;
  await until("the end of the wait", () => performance.now() > over);
  expect((await guess(proxied[1], who)).status).toBe(401);
});

test("of hundreds of guesses at once on two instances, no more than the free ones are looked at", async () => {
  const { email } = await signUp(proxied[0].url);
  const from = newCaller();
  const began = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 400 }, (_, index) =>
      guess(proxied[index % 2 === 0 ? 0 : 1], { email, from }),
    ),
  );
  const looked = countOf(answers, 401);
  expect(looked).toBeGreaterThanOrEqual(FREE_OF_PAIR);
  expect(looked).toBeLessThanOrEqual(mostWithin(performance.now() - began));
  expect(countOf(answers, 429)).toBe(400 - looked);
});

test("signing in as often as one likes is no failure", async () => {
  const { email } = await signUp(proxied[0].url);
  const from = newCaller();
  for (let turn = 0; turn < FREE_OF_PAIR + 2; turn += 1)
    expect((await guess(proxied[0], { email, from, password: PASSWORD })).status).toBe(200);
});

test("strangers from everywhere do not keep an owner out of an account where they have signed in before", async () => {
  const { email } = await signUp(proxied[0].url);
  const right = { email, password: PASSWORD };
  const home = newCaller();
  await guess(proxied[0], { ...right, from: home });
  await guess(proxied[0], { email, from: newCaller() });
  await holdAll("account");
  expect((await guess(proxied[1], { ...right, from: newCaller() })).status).toBe(429);
  expect((await guess(proxied[1], { ...right, from: home })).status).toBe(200);
});

test("without a trusted proxy, whatever stands in X-Forwarded-For is the same caller", async () => {
  const email = unknown();
  expect((await guess(bare, { email, from: newCaller() })).status).toBe(401);
  await holdAll("pair");
  for (const from of [newCaller(), "127.0.0.1", "10.0.0.1", "2001:db8::1"])
    expect([from, (await guess(bare, { email, from })).status]).toEqual([from, 429]);
});

test("behind a trusted proxy, callers are told apart by what the proxy wrote, and by nothing that they wrote", async () => {
  const email = unknown();
  const caller = newCaller();
  await guess(proxied[0], { email, from: `${newCaller()}, 10.0.0.7, ${caller}` });
  await holdAll("pair");
  const same = [`${newCaller()}, ${caller}`, `::ffff:${caller}`, `${caller}, 10.1.2.3`];
  for (const from of same)
    expect([from, (await guess(proxied[1], { email, from })).status]).toEqual([from, 429]);
  expect((await guess(proxied[1], { email, from: `${caller}, ${newCaller()}` })).status).toBe(401);
});

test("one network of IPv6 is one caller, and all whose address cannot be read are one together", async () => {
  const groups = [
    ["2001:db8:7:7::1", "2001:db8:7:7:ffff::2"],
    ["unknown", `${newCaller()}, _x`, "1.2.3", "::g"],
  ];
  for (const group of groups) {
    const email = unknown();
    await guess(proxied[0], { email, from: group[0] ?? "" });
    await holdAll("pair");
    for (const from of group)
      expect([from, (await guess(proxied[1], { email, from })).status]).toEqual([from, 429]);
    expect((await guess(proxied[1], { email, from: newCaller() })).status).toBe(401);
  }
});

test("registrations are throttled by address, those that succeed and those of taken addresses alike", async () => {
  await using own = await openCluster({ worker: false });
  const env = { ...BEHIND_PROXY, LIMITS_SCALE: "0.04" };
  const servers = await Promise.all([own.start(env), own.start(env)]);
  const from = newCaller();
  const register = (turn: number, email: string, caller = from) =>
    call("POST", `${servers[turn % 2]?.url}/v1/auth/register`, {
      body: { email, password: PASSWORD, displayName: "New" },
      headers: { "x-forwarded-for": caller },
    });
  const taken = unknown();
  const answers: Answer[] = [];
  for (const [turn, email] of [taken, taken, unknown(), taken].entries())
    answers.push(await register(turn, email));
  expect(answers.map(({ status }) => status)).toEqual([201, 409, 201, 409]);
  await holdAll("address", own.redisPrefix);
  for (let turn = 0; turn < 2; turn += 1)
    expect((await register(turn, unknown())).status).toBe(429);
  expect((await register(0, taken)).status).toBe(429);
  const [rows] = await own.database.sql`
    select count(*)::int as count from app.users where display_name = 'New'`;
  expect(rows?.["count"]).toBe(2);
  expect((await register(0, unknown(), newCaller())).status).toBe(201);
});

test("Redis killed midway opens nothing: nobody gets a second allowance, and a new guesser gets one", async () => {
  await using server = await openTestRedisServer();
  await using own = await openCluster({ worker: false });
  const instance = await own.start({ ...BEHIND_PROXY, REDIS_URL: server.url.href });
  const { email } = await signUp(instance.url);
  const began = performance.now();
  const burst = (who: Guess, size: number) =>
    Promise.all(Array.from({ length: size }, () => guess(instance, who)));
  const who = { email, from: newCaller() };
  const before = await burst(who, FREE_OF_PAIR);
  await server.stop();
  await until("the loss to be noticed", () => instance.log().includes("redis connection lost"));
  const bursts = [[...before, ...(await burst(who, 100))]];
  bursts.push(await burst({ email: unknown(), from: newCaller() }, 100));
  for (const answers of bursts) {
    const looked = countOf(answers, 401);
    expect(looked).toBeGreaterThanOrEqual(FREE_OF_PAIR);
    expect(looked).toBeLessThanOrEqual(mostWithin(performance.now() - began));
    expect(countOf(answers, 429)).toBe(answers.length - looked);
  }
  const other = { email, from: newCaller(), password: PASSWORD };
  expect((await guess(instance, other)).status).toBe(200);
  await server.start();
  await until("Redis", async () => {
    const { body } = await call("GET", `${instance.url}/health/ready`);
    return body["status"] === "healthy";
  });
  expect((await guess(instance, other)).status).toBe(200);
});
