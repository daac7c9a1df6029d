import { afterAll, beforeAll, expect, test } from "bun:test";

import fc from "fast-check";

import { judgeRefresh } from "../../../src/features/auth/service/rotation.ts";
import { call, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { testServices } from "../../support/services.ts";

/** Two instances, of which the first may be killed at any time. */
let cluster: Cluster;
let mortal: Instance;
let steady: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  [mortal, steady] = await Promise.all([cluster.start(), cluster.start()]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

interface Tokens {
  counter: number;
  refreshToken: string;
  token: string;
}

interface World {
  userId: string;
  honest: Tokens;
  stolen: Tokens | undefined;
  /** Whether anything but the honest client has shown a token. */
  isAbused: boolean;
  ended: boolean;
  /** The refresh token of each position: the same position always has the same one. */
  chain: Map<number, string>;
}

type Step =
  | { do: "refresh"; answered: boolean; at: "mortal" | "steady" }
  | { do: "use" | "steal" | "abuse" | "crash" | "empty redis" | "wait" };

const plain = (name: "use" | "steal" | "abuse" | "crash" | "empty redis" | "wait") =>
  fc.record({ do: fc.constant(name) });
const refreshing = fc.record({
  do: fc.constant("refresh" as const),
  answered: fc.boolean(),
  at: fc.constantFrom("mortal" as const, "steady" as const),
});
const honestSteps = [
  { arbitrary: refreshing, weight: 4 },
  { arbitrary: plain("use"), weight: 2 },
  { arbitrary: plain("wait"), weight: 2 },
  { arbitrary: plain("crash"), weight: 1 },
  { arbitrary: plain("empty redis"), weight: 1 },
];
const theft = [
  { arbitrary: plain("steal"), weight: 2 },
  { arbitrary: plain("abuse"), weight: 3 },
];

async function readRow({ userId }: World) {
  const [row] = await cluster.database.sql<
    { valid: number; seen: number; since: number; ended: boolean }[]
  >`select refresh_counter as valid, seen_counter as seen, revoked_at is not null as ended,
      (extract(epoch from now() - refreshed_at) * 1000)::float8 as since
    from app.sessions where user_id = ${userId}`;
  if (!row) throw new Error("Cannot find the session");
  return row;
}

/** Shows a token to a real server, which has to answer what the rule says of the row as it stands. */
async function show(world: World, shown: Tokens, server: Instance): Promise<Tokens | undefined> {
  const { valid, seen, since, ended } = await readRow(world);
  const verdict = judgeRefresh({ valid, seen, shown: shown.counter, sinceRotationMs: since });
  const { refreshToken } = shown;
  const answer = await call("POST", `${server.url}/v1/auth/refresh`, { body: { refreshToken } });
  const { code = "answered" } = answer.body as { code?: string };
  if (ended) expect(code).toBe("session_revoked");
  else if (verdict === "superseded") expect(code).toBe("refresh_superseded");
  else if (verdict === "reused") expect(code).toBe("refresh_reused");
  else expect([code, answer.status]).toEqual(["answered", 200]);
  world.ended = (await readRow(world)).ended;
  expect(world.ended).toBe(ended || verdict === "reused");
  if (answer.status !== 200) return undefined;
  const counter = verdict === "rotate" ? Math.max(shown.counter, valid) + 1 : valid;
  const got = String(answer.body["refreshToken"]);
  expect(world.chain.get(counter) ?? got).toBe(got);
  world.chain.set(counter, got);
  return { counter, refreshToken: got, token: String(answer.body["accessToken"]) };
}

/** Kills the server under a refresh whose answer nobody gets: the step was made, or it was not. */
async function crash(world: World): Promise<void> {
  const before = await readRow(world);
  const { refreshToken, counter } = world.honest;
  const lost = call("POST", `${mortal.url}/v1/auth/refresh`, { body: { refreshToken } }).catch(
    () => undefined,
  );
  await mortal.kill();
  await lost;
  mortal = await cluster.start();
  const after = await readRow(world);
  expect([before.valid, Math.max(before.valid, counter + 1)]).toContain(after.valid);
  world.ended = after.ended;
}

async function emptyRedis(): Promise<void> {
  const redis = new Bun.RedisClient((await testServices()).redisUrl);
  const keys = (await redis.send("KEYS", [`${cluster.redisPrefix}:*`])) as string[];
  if (keys.length > 0) await redis.send("DEL", keys);
  redis.close();
}

async function refresh(world: World, step: Extract<Step, { do: "refresh" }>): Promise<void> {
  const got = await show(world, world.honest, step.at === "mortal" ? mortal : steady);
  if (got && step.answered) world.honest = got;
}

async function use(world: World): Promise<void> {
  const me = await call("GET", `${steady.url}/v1/me`, { token: world.honest.token });
  expect(me.status).toBe(world.ended ? 401 : 200);
}

async function abuse(world: World): Promise<void> {
  if (!world.stolen) return;
  world.isAbused = true;
  world.stolen = (await show(world, world.stolen, steady)) ?? world.stolen;
}

async function wait({ userId }: World): Promise<void> {
  await cluster.database.sql`update app.sessions
    set refreshed_at = refreshed_at - interval '1 minute' where user_id = ${userId}`;
}

async function steal(world: World): Promise<void> {
  world.stolen = world.honest;
}

const ACTS = { use, abuse, wait, steal, crash, "empty redis": emptyRedis };

async function take(world: World, step: Step): Promise<void> {
  if (step.do === "refresh") await refresh(world, step);
  else await ACTS[step.do](world);
}

async function play(steps: Step[]): Promise<World> {
  const person = await signUp(steady.url);
  const honest = { counter: 0, refreshToken: person.refreshToken, token: person.token };
  const world: World = {
    userId: person.id,
    honest,
    stolen: undefined,
    isAbused: false,
    ended: false,
    chain: new Map([[0, honest.refreshToken]]),
  };
  for (const step of steps) await take(world, step);
  return world;
}

const ROUNDS = { numRuns: 6, seed: 20_261_123, endOnFailure: true };

test("whatever crashes, is lost or emptied, a real honest client stays signed in", async () => {
  const steps = fc.array(fc.oneof(...honestSteps), { minLength: 6, maxLength: 14 });
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const world = await play(list);
      expect(world.ended).toBe(false);
      expect(await show(world, world.honest, mortal)).toBeDefined();
    }),
    ROUNDS,
  );
}, 120_000);

test("with a thief among the steps, two real instances judge as the rule does", async () => {
  const steps = fc.array(fc.oneof(...honestSteps.slice(0, 3), ...theft), {
    minLength: 10,
    maxLength: 24,
  });
  let ended = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const world = await play(list);
      if (!world.isAbused) expect(world.ended).toBe(false);
      if (world.ended) ended += 1;
      // Whatever has happened, an ended session stays ended, with any token of it.
      if (world.ended) expect(await show(world, world.honest, mortal)).toBeUndefined();
    }),
    { ...ROUNDS, numRuns: 12 },
  );
  expect(ended).toBeGreaterThan(0);
}, 120_000);
