import { RedisClient } from "bun";

import { createTokens, generateSigningKey, type Tokens } from "../../../src/platform/tokens.ts";
import { compare } from "../comparison.ts";
import type { Bench, Measure, Outcome, Side } from "../contract.ts";
import { registerPeople, request } from "../people.ts";
import { alternate } from "../rounds.ts";
import type { Stage } from "../stage.ts";

const ROUNDS = 5;
const PEOPLE = 8;
const REQUESTS = 2_000;
const WARM_UP_REQUESTS = 200;
const CHECKS = 1_000;

const OURS = "frm-ai";
const ONE = "one for each request";
const ANEW = "every signature checked anew";
const COMMANDS = { name: "commands to Redis", unit: "each request" };
const TOKENS = { name: "token checks", unit: "1/s" };

export const gate: Bench = {
  name: "gate",
  title: "What stands before a signed-in route: the token, then the session with tier and role",
  goals: [
    // What the instance does beside the requests, such as its heartbeats, is counted as well.
    { metric: COMMANDS.name, peer: ONE, atMost: 1.05 },
    { metric: TOKENS.name, peer: ANEW, atLeast: 10 },
  ],
  run,
};

async function run(stage: Stage): Promise<Outcome> {
  const commands = await compareSides(stage, COMMANDS, [
    { name: OURS, open: () => openInstance(stage) },
    { name: ONE, open: async () => async () => ({ [COMMANDS.name]: 1 }) },
  ]);
  const checks = await compareSides(stage, TOKENS, [
    { name: OURS, open: () => openChecks({ anew: false }) },
    { name: ANEW, open: () => openChecks({ anew: true }) },
  ]);
  return {
    rows: [...commands, ...checks],
    notes: [
      `Commands: all that Redis has processed while one instance answers ${REQUESTS} times GET /v1/me, over ${PEOPLE} sessions.`,
      "Token checks: EdDSA with kid, issuer, audience, type, expiry and claims. What was found good is remembered until it expires, for 10,000 tokens at most; the session behind it is asked for every time.",
    ],
  };
}

async function compareSides(stage: Stage, metric: typeof COMMANDS, sides: Side[]) {
  const options = { rounds: ROUNDS, progress: stage.progress };
  const [ours, ...peers] = await alternate(sides, options);
  if (!ours) throw new Error("Cannot compare: nothing was measured");
  return compare([metric], ours, peers);
}

async function openInstance(stage: Stage): Promise<Measure> {
  const { port } = await stage.startInstance();
  const base = `http://localhost:${port}`;
  const people = await registerPeople(base, PEOPLE);
  const redis = new RedisClient(stage.redisUrl);
  const processed = async () => {
    const stats = String(await redis.send("INFO", ["stats"]));
    return Number(/total_commands_processed:(\d+)/.exec(stats)?.[1]);
  };
  return async ({ warmUp }) => {
    const total = warmUp ? WARM_UP_REQUESTS : REQUESTS;
    const before = await processed();
    const lanes = people.map(async ({ token }) => {
      for (let count = 0; count < total / PEOPLE; count += 1)
        await request(`${base}/v1/me`, { method: "GET", token });
    });
    await Promise.all(lanes);
    // The question itself is a command.
    return { [COMMANDS.name]: ((await processed()) - before - 1) / total };
  };
}

async function openChecks({ anew }: { anew: boolean }): Promise<Measure> {
  const key = await generateSigningKey();
  const now = () => new Date();
  const signer = createTokens([key], now);
  const tokens: string[] = [];
  for (let count = 0; count < CHECKS; count += 1) {
    const ids = { userId: Bun.randomUUIDv7(), sessionId: Bun.randomUUIDv7(), counter: 0 };
    tokens.push((await signer.sign(ids)).token);
  }
  const remembering = createTokens([key], now);
  await checkAll(remembering, tokens);
  return async () => {
    const checking = anew ? createTokens([key], now) : remembering;
    const startedAt = performance.now();
    await checkAll(checking, tokens);
    return { [TOKENS.name]: tokens.length / ((performance.now() - startedAt) / 1_000) };
  };
}

async function checkAll(checking: Tokens, tokens: string[]): Promise<void> {
  for (const token of tokens) await checking.verify(token);
}
