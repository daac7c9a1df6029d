import { afterAll, beforeAll, expect, test } from "bun:test";

import { createKeys } from "../../../src/platform/keys.ts";
import { openRedis, type Redis } from "../../../src/platform/redis.ts";
import { createTokens, generateSigningKey } from "../../../src/platform/tokens.ts";
import { call, type Person, sessionOf, signIn, signUp } from "../../support/client.ts";
import { silentLog } from "../../support/database.ts";
import { countBits, flip } from "../../support/flip.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { testServices } from "../../support/services.ts";
import { type Frame, openRawSocket, openSocket, type TestSocket } from "../../support/socket.ts";

const LIFE_MS = 600_000;
const REVOKED_WITHIN_MS = 1_000;
const SAMPLED_BITS = 12;

const key = await generateSigningKey();
let cluster: Cluster;
let one: Instance;
let two: Instance;
let redis: Redis;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  const env = { JWT_KEYS: JSON.stringify([key]) };
  [one, two] = await Promise.all([cluster.start(env), cluster.start(env)]);
  redis = await openRedis({
    url: new URL((await testServices()).redisUrl),
    log: silentLog,
    name: "renewal",
  });
});
afterAll(async () => {
  await redis.close();
  await cluster[Symbol.asyncDispose]();
});

/** An access token of the person's session as it was signed some time ago. */
async function signedAgo({ id: userId, token }: Person, ageMs: number): Promise<string> {
  const tokens = createTokens([key], () => new Date(Date.now() - ageMs));
  return (await tokens.sign({ userId, sessionId: sessionOf(token), counter: 0 })).token;
}

async function issue({ token }: Person, { url }: Instance): Promise<string> {
  return String((await call("POST", `${url}/v1/realtime/ticket`, { token })).body["ticket"]);
}

async function show(socket: TestSocket, tok: string, i = 2): Promise<Frame> {
  socket.send({ t: "tok", i, tok });
  return await socket.next((frame) => frame.i === i, "an answer to tok");
}

async function expectOpen(socket: TestSocket, i = 99): Promise<void> {
  socket.send({ t: "hb", i });
  await socket.next((frame) => frame.t === "hb.ok" && frame.i === i, "hb.ok");
}

test("a socket whose token is about to expire is warned, and stays with a newer one of its session from anywhere", async () => {
  const lan = await signUp(one.url);
  const old = await signedAgo(lan, LIFE_MS - 30_000);
  const socket = await openSocket(two.url, old);
  const { in: left } = await socket.next(({ t }) => t === "tok.exp", "the warning");
  expect(Number(left)).toBeWithin(1, 30_001);
  const { body } = await call("POST", `${one.url}/v1/auth/refresh`, {
    body: { refreshToken: lan.refreshToken },
  });
  for (const [at, newer] of [String(body["accessToken"]), await issue(lan, one)].entries()) {
    const answer = await show(socket, newer, at + 2);
    expect(answer).toEqual({ t: "tok.ok", i: at + 2, in: expect.any(Number) });
    expect(Number(answer["in"])).toBeWithin(LIFE_MS - 30_000, LIFE_MS + 1);
  }
  await expectOpen(socket);
  expect(socket.frames.filter(({ t }) => t === "tok.exp")).toHaveLength(1);
});

test("a ticket that was shown is used up, and one that was used renews nothing", async () => {
  const lan = await signUp(one.url);
  const [socket, other] = [
    await openSocket(one.url, lan.token),
    await openSocket(two.url, lan.token),
  ];
  const ticket = await issue(lan, one);
  expect((await show(socket, ticket)).t).toBe("tok.ok");
  expect(await show(other, ticket)).toMatchObject({ t: "err", m: "token_invalid", retry: false });
  await expectOpen(other);
});

test("a ticket gives no more time than the access token that it was made with", async () => {
  const lan = await signUp(one.url);
  const old = { ...lan, token: await signedAgo(lan, LIFE_MS - 20_000) };
  const socket = await openSocket(two.url, await issue(old, one));
  const { in: left } = await socket.next(({ t }) => t === "tok.exp", "the warning");
  expect(Number(left)).toBeWithin(1, 20_001);
});

test("without a newer token the socket closes with 4005 once the grace is over", async () => {
  const lan = await signUp(one.url);
  const ticket = `wst1_${crypto.randomUUID()}`;
  const digest = new Bun.CryptoHasher("sha256").update(ticket).digest("hex");
  // As if the token had expired half a minute ago, but for a second.
  const kept = { userId: lan.id, sessionId: sessionOf(lan.token), validUntil: Date.now() - 29_000 };
  await redis.client.set(createKeys(cluster.redisPrefix).ticket(digest), JSON.stringify(kept));
  const socket = await openSocket(one.url, ticket);
  expect(await socket.closed).toEqual({ code: 4005, reason: "token_expired" });
  expect(socket.frames.map(({ t }) => t)).toEqual(["hello.ok", "tok.exp"]);
  await expectOpen(await openSocket(one.url, lan.token));
}, 15_000);

test("when the session reaches its end, its sockets close with 4401 however new their token is", async () => {
  const lan = await signUp(one.url);
  await cluster.database.sql`
    update app.sessions set expires_at = now() + interval '2 seconds'
    where id = ${sessionOf(lan.token)}`;
  const socket = await openSocket(two.url, lan.token);
  expect(await socket.closed).toEqual({ code: 4401, reason: "session_revoked" });
  const me = await call("GET", `${two.url}/v1/me`, { token: lan.token });
  expect([me.status, String(me.body["code"])]).toEqual([401, "session_revoked"]);
}, 15_000);

test("a token of another session, or of another user, closes the socket and lets nobody else in", async () => {
  const [lan, minh] = await Promise.all([signUp(one.url), signUp(one.url)]);
  const tablet = await signIn(two.url, lan);
  for (const foreign of [minh.token, tablet.token, await issue(minh, one)]) {
    const socket = await openSocket(two.url, lan.token);
    socket.send({ t: "tok", i: 2, tok: foreign });
    expect(await socket.closed).toEqual({ code: 4401, reason: "session_mismatch" });
    expect(socket.frames.filter(({ i }) => i === 2)).toEqual([]);
  }
  expect((await call("GET", `${one.url}/v1/me`, { token: lan.token })).status).toBe(200);
});

test("a session that was ended stays ended: its sockets close within a second, and no token brings one back", async () => {
  const lan = await signUp(one.url);
  const sockets = await Promise.all(
    [one, two, one, two].map(({ url }) => openSocket(url, lan.token)),
  );
  const tickets = await Promise.all([issue(lan, one), issue(lan, two)]);
  const newer = await signedAgo(lan, 0);
  const start = performance.now();
  // Each socket shows a good token while the session is being ended, again and again.
  const ending = call("POST", `${one.url}/v1/auth/logout`, { token: lan.token });
  for (const [at, socket] of sockets.entries())
    for (let i = 0; i < 50; i += 1)
      socket.send({ t: "tok", i: at * 100 + i, tok: i === 25 ? (tickets[at] ?? newer) : newer });
  expect((await ending).status).toBe(204);
  for (const socket of sockets) expect((await socket.closed).code).toBe(4401);
  expect(performance.now() - start).toBeLessThan(REVOKED_WITHIN_MS);
  for (const { url } of [one, two]) {
    const late = await openRawSocket(url);
    late.send({ t: "hello", v: 1, tok: newer });
    expect([(await late.closed).code, late.frames]).toEqual([4401, []]);
  }
});

test("what is no good token is refused and changes nothing, and the fourth in a row closes", async () => {
  const lan = await signUp(one.url);
  const ticket = await issue(lan, one);
  const expired = await signedAgo(lan, LIFE_MS + 60_000);
  const socket = await openSocket(two.url, lan.token);
  const answers = [
    await show(socket, expired, 2),
    await show(socket, "nonsense", 3),
    await show(socket, lan.refreshToken, 4),
  ];
  expect(answers.map(({ m }) => m)).toEqual(["token_expired", "token_invalid", "token_invalid"]);
  expect((await show(socket, ticket, 5)).t).toBe("tok.ok");
  for (let i = 6; i < 10; i += 1) socket.send({ t: "tok", i, tok: "nonsense" });
  expect(await socket.closed).toEqual({ code: 4401, reason: "token_invalid" });
});

test("a token or a ticket with any bit flipped renews nothing, and the true one still does", async () => {
  const lan = await signUp(one.url);
  for (const good of [await signedAgo(lan, 0), await issue(lan, one)]) {
    const step = Math.floor(countBits(good) / SAMPLED_BITS);
    const bits = Array.from({ length: SAMPLED_BITS }, (_, at) => at * step + (at % 6));
    for (const bit of [...bits, countBits(good) - 1]) {
      const socket = await openSocket(two.url, lan.token);
      expect(await show(socket, flip(good, bit))).toMatchObject({ t: "err", m: "token_invalid" });
      socket.close();
    }
    const socket = await openSocket(two.url, lan.token);
    expect((await show(socket, good)).t).toBe("tok.ok");
    socket.close();
  }
});

test.each<[string, object]>([
  ["no token", { t: "tok", i: 2 }],
  ["an empty token", { t: "tok", i: 2, tok: "" }],
  ["a token that is too long", { t: "tok", i: 2, tok: "x".repeat(2_049) }],
  ["a token that is no text", { t: "tok", i: 2, tok: 7 }],
  ["an unknown field", { t: "tok", i: 2, tok: "x", userId: "x" }],
])("a tok with %s is refused as what it is, and the socket stays", async (_what, frame) => {
  const { token } = await signUp(one.url);
  const socket = await openSocket(one.url, token);
  socket.send(frame);
  const answer = await socket.next(({ i }) => i === 2, "err");
  expect(answer).toMatchObject({ t: "err", m: "validation_failed" });
  await expectOpen(socket);
});
