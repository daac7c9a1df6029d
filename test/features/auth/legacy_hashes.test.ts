import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";

import { hashPassword, verifyPassword } from "../../../src/features/auth/service/passwords.ts";
import { call, PASSWORD, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";

/** Four times the work of a hash of today, so that whoever leaves out one of them is seen. */
const COST = 11;
const ROUNDS = 4;
const TICK_MS = 10;
const LIMIT_MS = 60_000;

let cluster: Cluster;
let first: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  first = await cluster.start();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function hashOfPredecessor(cost: number): Promise<string> {
  return await Bun.password.hash(PASSWORD, { algorithm: "bcrypt", cost });
}

/** Work of this process, whatever else the machine does meanwhile. */
function workMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** The same of another process, where the system tells; else the time that has passed. */
function workMsOf(pid: number): () => number {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return () => performance.now();
  return () => {
    // The name in front may hold spaces; user and system time are the twelfth and thirteenth field behind it.
    const fields = readFileSync(path, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  };
}

/** The least of each, which says most about the work on a machine that is busy. */
async function measure(clock: () => number, works: (() => Promise<unknown>)[]): Promise<number[]> {
  const least = works.map(() => Infinity);
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [at, work] of works.entries()) {
      const start = clock();
      await work();
      least[at] = Math.min(least[at] ?? Infinity, clock() - start);
    }
  return least;
}

test(
  "where accounts have hashes of the predecessor, every refusal takes the work of both kinds",
  async () => {
    const argon = await hashPassword(PASSWORD);
    const [low, high] = [await hashOfPredecessor(8), await hashOfPredecessor(COST)];
    const stored = [argon, undefined, low, high];
    const refuse = (hash: string | undefined) => async () =>
      expect(await verifyPassword("wrong", hash, COST)).toBe(false);
    const [real = 0, ...others] = await measure(workMs, stored.map(refuse));
    for (const other of others) expect(other / real).toBeWithin(0.4, 2.5);
  },
  LIMIT_MS,
);

test(
  "whoever is let in does not wait for that, and no cost that somebody made up is worked off",
  async () => {
    const argon = await hashPassword(PASSWORD);
    const [alone = 0, among = 0] = await measure(workMs, [
      () => verifyPassword(PASSWORD, argon),
      () => verifyPassword(PASSWORD, argon, 31),
    ]);
    expect(among / alone).toBeLessThan(2);
    // At 31 this would take days.
    expect(await verifyPassword("wrong", undefined, 31)).toBe(false);
  },
  LIMIT_MS,
);

test(
  "at the door, an account with a hash of the predecessor takes as long as none at all, and still opens",
  async () => {
    const { id, email } = await signUp(first.url);
    const { sql } = cluster.database;
    await sql`update app.accounts set password_hash = ${await hashOfPredecessor(COST)}
    where user_id = ${id}`;
    // An instance that looks for such hashes for the first time now.
    const { url, pid } = await cluster.start();
    const login = async (address: string, password: string) =>
      await call("POST", `${url}/v1/auth/login`, { body: { email: address, password } });
    const refuse = (address: string) => async () => {
      const { status, body } = await login(address, "wrong");
      expect([status, String(body["code"])]).toEqual([401, "invalid_credentials"]);
    };
    await refuse(email)();
    const tries = [refuse(email), refuse(`nobody.${email}`)];
    const [known = 0, unknown = 0] = await measure(workMsOf(pid), tries);
    // Without the work that evens it out, it would be a quarter.
    expect(unknown / known).toBeWithin(0.4, 2.5);
    expect((await login(email, PASSWORD)).status).toBe(200);
    const [row] = await sql`select password_hash as hash from app.accounts where user_id = ${id}`;
    expect(String(row?.["hash"])).toStartWith("$argon2id$");
  },
  LIMIT_MS,
);
