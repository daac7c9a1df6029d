import { afterAll, beforeAll, expect, test } from "bun:test";

import fc from "fast-check";

import { type Answer, call, converse, type Person, signUp } from "./support/client.ts";
import { countBits, flip } from "./support/flip.ts";
import { type Cluster, type Instance, openCluster } from "./support/instance.ts";
import { listChanges, takeSnapshot } from "./support/rows.ts";
import { openRawSocket, openSocket } from "./support/socket.ts";

const SEED = 20_261_123;
/** Bits of the last letter of each part, which need not stand for any byte, are always tried. */
const SAMPLES = 250;
const SOCKET_SAMPLES = 60;

let cluster: Cluster;
let server: Instance;
let lan: Person;
let conversation: string;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  server = await cluster.start({ LIMITS_SCALE: "1000000" });
  lan = await signUp(server.url, "Lan");
  for (const name of ["VN30", "HNX"])
    conversation = await open({ kind: "group", name, memberIds: [] });
  for (const body of ["Good morning", "Good evening"])
    await call("POST", `${server.url}/v1/conversations/${conversation}/messages`, {
      token: lan.token,
      body: { clientId: crypto.randomUUID(), body },
    });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function open(body: object): Promise<string> {
  return await converse(server.url, lan.token, body);
}

async function get(path: string, token = lan.token): Promise<Answer> {
  return await call("GET", `${server.url}${path}`, { token });
}

async function refresh(refreshToken: string): Promise<Answer> {
  return await call("POST", `${server.url}/v1/auth/refresh`, { body: { refreshToken } });
}

/** Tries the text with one bit turned over, for the last letter of each part and for sampled bits between. */
async function eachFlip(
  text: string,
  samples: number,
  check: (bent: string) => Promise<void>,
): Promise<void> {
  const parts = text.split(".");
  const ends = parts.map((_, at) => countBits(parts.slice(0, at + 1).join(".")));
  const examples = ends.flatMap((end) => Array.from({ length: 6 }, (_, bit) => [end - 1 - bit]));
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: countBits(text) - 1 }), async (bit) => {
      const bent = flip(text, bit);
      expect(bent).not.toBe(text);
      await check(bent);
    }),
    { seed: SEED, numRuns: samples, examples: examples as [number][] },
  );
}

/** What came back, in one word; the codes are all that a refusal may be. */
function codeOf({ status, body }: Answer): string {
  return `${status} ${String(body["code"])}`;
}

test("a flip changes one bit, and every bit has its flip", () => {
  const text = "AZaz09-_.tail";
  const flips = Array.from({ length: countBits(text) }, (_, bit) => flip(text, bit));
  expect(new Set(flips).size).toBe(12 * 6);
  expect(flips).not.toContain(text);
  expect(flips.every((one) => one.length === text.length && one[8] === ".")).toBe(true);
});

test.each(["conversations", "messages", "sessions", "audit"])(
  "a cursor of the list of %s with any bit flipped is refused, and the true one still works",
  async (list) => {
    const paths: Record<string, string> = {
      conversations: "/v1/conversations",
      messages: `/v1/conversations/${conversation}/messages`,
      sessions: "/v1/sessions",
      audit: "/v1/me/audit",
    };
    const path = paths[list] ?? "";
    if (list === "sessions" || list === "audit")
      for (let turn = 0; turn < 2; turn += 1)
        await call("POST", `${server.url}/v1/auth/login`, {
          body: { email: lan.email, password: "correct horse battery" },
        });
    const { body } = await get(`${path}?limit=1`);
    const cursor = String((body["page"] as { nextCursor: string | null }).nextCursor);
    expect(cursor.length).toBeGreaterThan(20);
    await eachFlip(cursor, SAMPLES, async (bent) => {
      expect(codeOf(await get(`${path}?limit=1&cursor=${bent}`))).toBe("400 invalid_cursor");
    });
    for (const other of Object.values(paths).filter((one) => one !== path))
      expect(codeOf(await get(`${other}?cursor=${cursor}`))).toBe("400 invalid_cursor");
    const an = await signUp(server.url, "An");
    expect((await get(`${path}?cursor=${cursor}`, an.token)).status).toBeGreaterThanOrEqual(400);
    expect((await get(`${path}?limit=1&cursor=${cursor}`)).status).toBe(200);
  },
);

test("an access token with any bit flipped is refused, and the true one still works", async () => {
  await eachFlip(lan.token, SAMPLES * 2, async (bent) => {
    expect(codeOf(await get("/v1/me", bent))).toBe("401 token_invalid");
  });
  expect((await get("/v1/me")).status).toBe(200);
});

test("a refresh token with any bit flipped is refused, and neither ends the session nor changes a row", async () => {
  const { sql } = cluster.database;
  const { refreshToken, token } = await signUp(server.url, "Minh");
  const before = await takeSnapshot(sql);
  await eachFlip(refreshToken, SAMPLES, async (bent) => {
    expect(codeOf(await refresh(bent))).toBe("401 token_invalid");
  });
  expect(listChanges(before, await takeSnapshot(sql))).toEqual([]);
  expect((await get("/v1/me", token)).status).toBe(200);
  expect((await refresh(refreshToken)).status).toBe(200);
});

test("a ticket or an access token with any bit flipped opens no socket, and the true ones still do", async () => {
  const { body } = await call("POST", `${server.url}/v1/realtime/ticket`, { token: lan.token });
  const ticket = String(body["ticket"]);
  for (const true_ of [ticket, lan.token]) {
    await eachFlip(true_, SOCKET_SAMPLES, async (bent) => {
      const socket = await openRawSocket(server.url);
      socket.send({ t: "hello", v: 1, i: 1, tok: bent });
      const greeted = socket
        .next(({ t }) => t === "hello.ok", "hello.ok")
        .then(
          () => "hello.ok",
          () => "nothing",
        );
      const ended = socket.closed.then(({ code }) => code);
      expect([await Promise.race([ended, greeted]), socket.frames]).toEqual([4401, []]);
    });
    (await openSocket(server.url, true_)).close();
  }
});

test("nothing of all that was a failure of ours", () => {
  expect(server.log()).not.toContain('"level":"error"');
});
