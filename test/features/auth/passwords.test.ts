import { afterAll, beforeAll, expect, test } from "bun:test";
import { availableParallelism } from "node:os";

import {
  hashPassword,
  isOutdated,
  normalizePassword,
  verifyPassword,
} from "../../../src/features/auth/service/passwords.ts";
import { rehash } from "../../../src/features/auth/service/rehash.ts";
import { AppError, Overloaded } from "../../../src/platform/errors.ts";
import type { Platform } from "../../../src/platform/platform.ts";
import { call, PASSWORD, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";

let cluster: Cluster;
let instance: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  // The throttles are not what is tested here.
  instance = await cluster.start({ LIMITS_SCALE: "1000" });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function register(password: string, headers: Record<string, string> = {}) {
  const email = `${Bun.randomUUIDv7()}@example.com`;
  const body = { email, password, displayName: "Lan" };
  return call("POST", `${instance.url}/v1/auth/register`, { body, headers });
}

function login(email: string, password: string) {
  return call("POST", `${instance.url}/v1/auth/login`, { body: { email, password } });
}

async function readHash(userId: string): Promise<string> {
  const [row] = await cluster.database
    .sql`select password_hash as hash from app.accounts where user_id = ${userId}`;
  return String(row?.["hash"]);
}

async function writeHash(userId: string, hash: string | null): Promise<void> {
  await cluster.database
    .sql`update app.accounts set password_hash = ${hash} where user_id = ${userId}`;
}

test.each([
  ["en", "guessed first"],
  ["vi", "dễ đoán"],
])("a common password answers 422 in %s, and makes no account", async (language, words) => {
  const before = await countAccounts();
  const answer = await register("Matkhau@123", { "accept-language": language });
  expect([answer.status, answer.body["code"]]).toEqual([422, "validation_failed"]);
  expect(answer.body["errors"] as unknown).toEqual([
    { pointer: "/password", code: "too_common", message: expect.stringContaining(words) },
  ]);
  expect(answer.headers.get("set-cookie")).toBeNull();
  expect(JSON.stringify(answer.body)).not.toContain("Matkhau");
  expect(await countAccounts()).toBe(before);
});

async function countAccounts(): Promise<number> {
  const [row] = await cluster.database.sql`select count(*)::int as count from app.accounts`;
  return Number(row?.["count"]);
}

test("one's own name or address is no password", async () => {
  const answer = await call("POST", `${instance.url}/v1/auth/register`, {
    body: {
      email: `bichtram.${Bun.randomUUIDv7()}@example.com`,
      password: "bichtram1994",
      displayName: "Bích Trâm",
    },
  });
  expect(answer.status).toBe(422);
  expect(answer.body["errors"] as unknown).toMatchObject([{ code: "too_common" }]);
});

const EMOJI = Array.from({ length: 129 }, (_, index) => String.fromCodePoint(0x1f300 + index * 3));

test.each([
  ["seven emoji, which are fourteen to JavaScript", EMOJI.slice(0, 7).join(""), "too_short"],
  ["seven letters that were eleven before", "ệộữẫxkq".normalize("NFD"), "too_short"],
  ["129 emoji", EMOJI.join(""), "too_long"],
  ["129 letters", "kxqvbtzm".repeat(17).slice(0, 129), "too_long"],
])("%s are no password", async (_what, password, code) => {
  const answer = await register(password);
  expect(answer.status).toBe(422);
  expect(answer.body["errors"] as unknown).toMatchObject([{ pointer: "/password", code }]);
});

test.each([
  ["eight", EMOJI.slice(0, 8).join("")],
  ["128", EMOJI.slice(0, 128).join("")],
])("%s characters of any kind are one", async (_what, password) => {
  const answer = await register(password);
  expect(answer.status).toBe(201);
  const { email } = answer.body["user"] as unknown as { email: string };
  expect((await login(email, password)).status).toBe(200);
});

test("whichever way a device composes letters and spaces, the password is the same", async () => {
  const typed = "mưa rơi trên mái tôn cũ";
  const { email } = await withPassword(typed.normalize("NFD"));
  expect((await login(email, typed.normalize("NFC"))).status).toBe(200);
  expect((await login(email, typed.normalize("NFD"))).status).toBe(200);
  expect((await login(email, typed.replaceAll(" ", "\u00a0"))).status).toBe(200);
  expect((await login(email, typed.replaceAll("ũ", "u"))).status).toBe(401);
  expect((await login(email, typed.toUpperCase())).status).toBe(401);
  const [composed, decomposed] = ["NFC", "NFD"].map((form) => typed.normalize(form));
  expect(composed).not.toBe(String(decomposed));
  const hash = await hashPassword(String(decomposed));
  expect(await verifyPassword(String(composed), hash)).toBe(true);
  expect(normalizePassword("ﬁ①Ａ")).toBe("ﬁ①Ａ");
});

async function withPassword(password: string): Promise<{ id: string; email: string }> {
  const person = await signUp(instance.url);
  await writeHash(person.id, await hashPassword(password));
  return person;
}

test("a hash of other parameters is renewed at the first sign-in and left alone at the next", async () => {
  const { id, email } = await signUp(instance.url);
  const old = await Bun.password.hash(PASSWORD, {
    algorithm: "argon2id",
    memoryCost: 8_192,
    timeCost: 3,
  });
  await writeHash(id, old);
  expect((await login(email, `${PASSWORD}!`)).status).toBe(401);
  expect(await readHash(id)).toBe(old);
  expect((await login(email, PASSWORD)).status).toBe(200);
  const renewed = await readHash(id);
  expect(renewed).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
  expect((await login(email, PASSWORD)).status).toBe(200);
  expect(await readHash(id)).toBe(renewed);
});

test("the hashes that we make are never outdated", async () => {
  expect(isOutdated(await hashPassword(PASSWORD))).toBe(false);
});

/** Made by crypt(3), with four rounds; the second covers 72 bytes of 80, as the predecessor's did. */
const SALT = "UhTE1PRl3yS6Hu.C7Wapnu";
const LANTERNS = "b96MVit7NSJKldxsVeNyNQ7cOGTV9QK";
const EIGHTY_BYTES = "é".repeat(40);
const CUT_OFF = "nx0.G.F3codAk137AaDl2ppGxNee76a";

test.each([
  ["2a", "lanterns over hanoi", LANTERNS],
  ["2b", "lanterns over hanoi", LANTERNS],
  ["2y", "lanterns over hanoi", LANTERNS],
  ["2b", EIGHTY_BYTES, CUT_OFF],
])("a $%s$ hash of the predecessor lets its user in, once", async (version, password, digest) => {
  const { id, email } = await signUp(instance.url);
  const legacy = `$${version}$04$${SALT}${digest}`;
  await writeHash(id, legacy);
  expect((await login(email, `x${password}`)).status).toBe(401);
  expect(await readHash(id)).toBe(legacy);
  expect((await login(email, password)).status).toBe(200);
  expect(await readHash(id)).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
  expect((await login(email, password)).status).toBe(200);
});

test("once renewed, a long password counts to its last byte", async () => {
  const { id, email } = await signUp(instance.url);
  const password = `${EIGHTY_BYTES}, all of it`;
  await writeHash(id, `$2b$04$${SALT}${CUT_OFF}`);
  expect((await login(email, password)).status).toBe(200);
  expect((await login(email, EIGHTY_BYTES)).status).toBe(401);
  expect((await login(email, password)).status).toBe(200);
});

test("only the predecessor's hashes are cut off at 72 bytes", async () => {
  const { email } = await withPassword(EIGHTY_BYTES);
  expect((await login(email, EIGHTY_BYTES.slice(0, 36))).status).toBe(401);
  expect((await login(email, `${EIGHTY_BYTES.slice(0, 39)}e`)).status).toBe(401);
});

test.each([
  ["none", null],
  ["an empty text", ""],
  ["no hash", "correct horse battery"],
  ["another algorithm", "$5$rounds=5000$usesomesillystri$KqJWpanXZHKq2BOB43TSaY"],
  ["a torn argon2id", "$argon2id$v=19$m=19456,t=2,p=1$abc"],
  ["a torn bcrypt", "$2b$10$abc"],
])("with %s stored, login is the refusal of an unknown address", async (_what, hash) => {
  const { id, email } = await signUp(instance.url);
  await writeHash(id, hash);
  const [broken, unknown] = await Promise.all([
    login(email, PASSWORD),
    login(`nobody.${email}`, PASSWORD),
  ]);
  const shown = [broken, unknown].map(({ status, body }) => ({ status, code: body["code"] }));
  expect(shown).toEqual([
    { status: 401, code: "invalid_credentials" },
    { status: 401, code: "invalid_credentials" },
  ]);
  expect(await verifyPassword(String(hash), hash)).toBe(false);
});

test("every refusal takes the work of a real hash: a wrong password, no account, and a broken hash", async () => {
  const hash = await hashPassword(PASSWORD);
  const cases = [hash, undefined, null, "", "no hash", "$argon2id$v=19$m=19456,t=2,p=1$abc"];
  const times = cases.map((): number[] => []);
  for (let round = 0; round < 7; round += 1)
    for (const [index, stored] of cases.entries()) {
      const start = performance.now();
      expect(await verifyPassword("wrong", stored)).toBe(false);
      times[index]?.push(performance.now() - start);
    }
  const [real = 0, ...others] = times.map((list) => list.toSorted((a, b) => a - b)[3] ?? 0);
  // What skips the hash takes a thousandth of it; the margin is for a busy machine.
  for (const other of others) expect(other / real).toBeWithin(0.25, 4);
});

test("a renewal never overwrites a password that was changed meanwhile", async () => {
  const { id, email } = await signUp(instance.url);
  await writeHash(id, `$2b$04$${SALT}${LANTERNS}`);
  const { sql } = cluster.database;
  const changed = await hashPassword("a password of one second later");
  let answer: ReturnType<typeof login> | undefined;
  await sql.begin(async (tx) => {
    await tx`update app.accounts set password_hash = ${changed} where user_id = ${id}`;
    answer = login(email, "lanterns over hanoi");
    await until("the renewal to wait for the change", async () => {
      // Through another connection: a transaction sees one state of this view only.
      const waiting = await sql`
        select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like '%accounts%'`;
      return waiting.length > 0;
    });
  });
  expect((await answer)?.status).toBeLessThan(500);
  expect(await readHash(id)).toBe(changed);
});

test("a renewal that finds no place in the queue leaves the hash to the next sign-in", async () => {
  const places = availableParallelism() * 2 + 50;
  const hashes = Array.from({ length: places }, () => verifyPassword("wrong", undefined));
  const refused = await verifyPassword("wrong", undefined).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(AppError);
  expect((refused as AppError).kind).toBe(Overloaded);
  expect((refused as AppError).extras.headers).toEqual({ "retry-after": "2" });
  // Whoever comes to the database has not been turned away.
  const platform = {} as Platform;
  const passwordHash = `$2b$04$${SALT}${LANTERNS}`;
  await rehash(platform, { userId: Bun.randomUUIDv7(), passwordHash, password: PASSWORD });
  expect(await Promise.all(hashes)).toEqual(Array<boolean>(places).fill(false));
  expect(await verifyPassword(PASSWORD, await hashPassword(PASSWORD))).toBe(true);
});

test("beyond its queue of hashes the server answers 503 with Retry-After at once, and works on", async () => {
  const { id, email } = await signUp(instance.url);
  // A slow hash fills the queue however fast the machine is; a wrong password never renews it.
  await writeHash(id, await Bun.password.hash("x", { algorithm: "bcrypt", cost: 9 }));
  const fitting = availableParallelism() * 2 + 50;
  const flood = Array.from({ length: fitting * 3 }, () => login(email, PASSWORD));
  const answers = await Promise.all(flood);
  const statuses = Map.groupBy(answers, ({ status }) => status);
  expect([...statuses.keys()].toSorted((a, b) => a - b)).toEqual([401, 503]);
  expect(statuses.get(401)?.length).toBeGreaterThanOrEqual(fitting);
  for (const { headers, body } of statuses.get(503) ?? []) {
    expect(headers.get("retry-after")).toBe("2");
    expect(body["code"] as unknown).toBe("overloaded");
    expect(headers.get("set-cookie")).toBeNull();
  }
  expect((await call("GET", `${instance.url}/health/ready`)).status).toBe(200);
  const person = await signUp(instance.url);
  expect((await login(person.email, PASSWORD)).status).toBe(200);
});
