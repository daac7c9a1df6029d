import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, converse, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { eventsOf, type Frame, openRawSocket, openSocket } from "../../support/socket.ts";

const FRAME_BYTES = 65_536;
/** Stands in every bad frame and may not come back. */
const MARK = "zebra-in-the-frame";

let cluster: Cluster;
let instance: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  instance = await cluster.start();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** Two people in a direct conversation. */
async function openPair() {
  const { url } = instance;
  const [lan, minh] = await Promise.all([signUp(url, "Lan"), signUp(url, "Minh")]);
  const id = await converse(url, lan.token, { kind: "direct", userId: minh.id });
  return { lan, minh, id, ch: `c:${id}` };
}

async function issueTicket(token: string): Promise<string> {
  const answer = await call("POST", `${instance.url}/v1/realtime/ticket`, { token });
  expect(answer.status).toBe(201);
  return String(answer.body["ticket"]);
}

async function closeAfter(...frames: (object | string | Uint8Array)[]) {
  const socket = await openRawSocket(instance.url);
  for (const frame of frames) socket.send(frame);
  const { code } = await socket.closed;
  return { code, frames: socket.frames };
}

test.each<[string, object | string | Uint8Array]>([
  ["a heartbeat", { t: "hb", i: 1 }],
  ["nothing", ""],
  ["no JSON", "{"],
  ["null", "null"],
  ["an empty batch", "[]"],
  ["bytes", new Uint8Array([1, 2, 3])],
  ["a hello of no version", { t: "hello", v: "2", tok: "x" }],
  ["a hello without a token", { t: "hello", v: 1 }],
  ["a hello with an unknown field", { t: "hello", v: 1, tok: "x", admin: true }],
  ["a hello with a prototype key", '{"t":"hello","v":1,"tok":"x","__proto__":{}}'],
  [
    "two hellos",
    [
      { t: "hello", v: 1, tok: "x" },
      { t: "hello", v: 1, tok: "x" },
    ],
  ],
  ["a hello that is too long", { t: "hello", v: 1, tok: "x".repeat(40_000) }],
])("a socket that begins with %s closes with 4400", async (_what, frame) => {
  expect(await closeAfter(frame)).toEqual({ code: 4400, frames: [] });
});

test.each(["nonsense", "wst1_nonsense", "a.b.c"])(
  "the token %s closes with 4401, and what follows it is not handled",
  async (tok) => {
    const answer = await closeAfter({ t: "hello", v: 1, tok }, { t: "hb", i: 1 });
    expect(answer).toEqual({ code: 4401, frames: [] });
  },
);

test.each([0, 2, 99])(
  "a hello of version %i closes with 4426, whatever else it says",
  async (v) => {
    const answer = await closeAfter({ t: "hello", v, tok: "x", fields: "of the future" });
    expect(answer).toEqual({ code: 4426, frames: [] });
  },
);

test("a socket that says nothing closes with 4408", async () => {
  expect(await closeAfter()).toEqual({ code: 4408, frames: [] });
}, 15_000);

test("a ticket opens one socket once, however many try", async () => {
  const { token } = await signUp(instance.url);
  const tok = await issueTicket(token);
  const hello = { t: "hello", v: 1, tok };
  const sockets = await Promise.all(Array.from({ length: 5 }, () => openRawSocket(instance.url)));
  for (const socket of sockets) socket.send(hello);
  const outcomes = await Promise.all(
    sockets.map((socket) =>
      Promise.race([
        socket.next((frame) => frame.t === "hello.ok").then(() => "open"),
        socket.closed.then(({ code }) => code),
      ]),
    ),
  );
  expect(outcomes.filter((outcome) => outcome === "open")).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === 4401)).toHaveLength(4);
  expect((await closeAfter(hello)).code).toBe(4401);
});

test("a ticket or a token of an ended session opens no socket", async () => {
  const { token } = await signUp(instance.url);
  const tok = await issueTicket(token);
  await call("POST", `${instance.url}/v1/auth/logout`, { token });
  expect((await closeAfter({ t: "hello", v: 1, tok })).code).toBe(4401);
  expect((await closeAfter({ t: "hello", v: 1, tok: token })).code).toBe(4401);
});

test("the handshake is refused before the upgrade without frm.v1 and for a foreign page", async () => {
  const protocol = { "sec-websocket-protocol": "frm.v1" };
  const cases: [Record<string, string>, number, string][] = [
    [{}, 400, "subprotocol_required"],
    [{ "sec-websocket-protocol": "other, frm.v1" }, 400, "subprotocol_required"],
    [{ ...protocol }, 400, "subprotocol_required"],
    [{ ...protocol, origin: "https://evil.example" }, 403, "origin_not_allowed"],
    [{ ...protocol, origin: "null" }, 403, "origin_not_allowed"],
  ];
  for (const [headers, status, code] of cases) {
    const answer = await call("GET", `${instance.url}/v1/ws`, { headers });
    expect([answer.status, String(answer.body["code"])]).toEqual([status, code]);
  }
  for (const options of [
    { protocols: [] },
    { protocols: ["other"] },
    { headers: { origin: "https://evil.example" } },
  ])
    expect(await openRawSocket(instance.url, options).catch(() => "refused")).toBe("refused");
  const own = await openRawSocket(instance.url, { headers: { origin: instance.url } });
  own.close();
});

test("a frame of the largest size is handled, and one beyond it closes with 1009", async () => {
  const { token } = await signUp(instance.url);
  const socket = await openSocket(instance.url, token);
  const filled = (length: number) => {
    const empty = JSON.stringify({ t: "fill", x: "" });
    return JSON.stringify({ t: "fill", x: "x".repeat(length - empty.length) });
  };
  socket.send(filled(FRAME_BYTES));
  const refused = await socket.next((frame) => frame.t === "err");
  expect(refused["m"]).toBe("unknown_frame");
  socket.send(filled(FRAME_BYTES + 1));
  expect((await socket.closed).code).toBe(1009);
});

const CH = "c:00000000-0000-7000-8000-000000000000";
const deep = `${'{"a":'.repeat(5_000)}"${MARK}"${"}".repeat(5_000)}`;

test.each<[string, object | string | Uint8Array, string]>([
  ["no JSON", `{"${MARK}`, "malformed_frame"],
  ["bytes", Buffer.from(JSON.stringify({ t: "hb", i: 1, x: MARK })), "malformed_frame"],
  ["an empty batch", "[]", "malformed_frame"],
  ["a batch that is too long", Array.from({ length: 65 }, () => ({ t: MARK })), "malformed_frame"],
  ["a text", `"${MARK}"`, "unknown_frame"],
  ["a batch in a batch", [[{ t: "hb", i: 1 }]], "unknown_frame"],
  ["no type", { i: 1, x: MARK }, "unknown_frame"],
  ["an unknown type", { t: MARK }, "unknown_frame"],
  ["a second hello", { t: "hello", v: 1, tok: MARK }, "unknown_frame"],
  ["the type constructor", { t: "constructor", x: MARK }, "unknown_frame"],
  ["the type __proto__", { t: "__proto__", x: MARK }, "unknown_frame"],
  ["a number for a type", { t: 1, x: MARK }, "unknown_frame"],
  ["a text for a number", { t: "hb", i: MARK }, "validation_failed"],
  ["a negative number", { t: "hb", i: -1 }, "validation_failed"],
  ["a broken number", { t: "hb", i: 0.5 }, "validation_failed"],
  ["an unknown field", { t: "hb", x: MARK }, "validation_failed"],
  ["positions of a wrong type", { t: "hb", p: { [CH]: MARK } }, "validation_failed"],
  ["a field named __proto__", `{"t":"hb","__proto__":"${MARK}"}`, "validation_failed"],
  ["a deep field named constructor", `{"t":"hb","p":{"constructor":1}}`, "validation_failed"],
  ["a deep frame", `{"t":"hb","p":${deep}}`, "validation_failed"],
  ["a control character", { t: "hb", p: { "\u0000": 1 } }, "validation_failed"],
  ["a broken surrogate", `{"t":"send","ch":"${CH}","body":"\\ud800"}`, "validation_failed"],
  ["no channel", { t: "send", cid: crypto.randomUUID(), body: MARK }, "validation_failed"],
  ["a foreign channel", { t: "send", ch: CH, cid: CH.slice(2), body: MARK }, "not_found"],
  ["a sync of a foreign channel", { t: "sync", ch: CH, from: 0 }, "not_found"],
  [
    "a channel that is no UUID",
    { t: "send", ch: `c:${"-".repeat(36)}`, cid: CH.slice(2), body: MARK },
    "validation_failed",
  ],
  ["a sync from below", { t: "sync", ch: CH, from: -1 }, "validation_failed"],
  ["a user's own channel", { t: "sync", ch: `u:${CH.slice(2)}`, from: 0 }, "validation_failed"],
])("%s is answered with err, echoes nothing and keeps the socket", async (_what, bad, code) => {
  const { token } = await signUp(instance.url);
  const socket = await openSocket(instance.url, token);
  socket.send(bad);
  socket.send({ t: "hb", i: 7 });
  await socket.next((frame) => frame.t === "hb.ok" && frame.i === 7, "hb.ok");
  const errors = socket.frames.filter((frame) => frame.t === "err");
  expect(errors.map((frame) => frame["m"])).toEqual([code]);
  expect(errors[0]?.["c"]).toBeGreaterThanOrEqual(4_000);
  expect(errors[0]?.["c"]).toBeLessThan(5_000);
  expect(JSON.stringify(socket.frames)).not.toContain(MARK);
  socket.close();
});

test("the good frames of a batch are handled although one is bad", async () => {
  const { token } = await signUp(instance.url);
  const socket = await openSocket(instance.url, token);
  socket.send([
    { t: "hb", i: 1 },
    { t: "nonsense", i: 2 },
    { t: "hb", i: 3 },
  ]);
  await socket.next((frame) => frame.t === "hb.ok" && frame.i === 3);
  const answers = socket.frames.slice(1).map(({ t, i }) => [t, i]);
  expect(answers).toEqual([
    ["hb.ok", 1],
    ["err", 2],
    ["hb.ok", 3],
  ]);
});

async function say(token: string, id: string, count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    const sent = await call("POST", `${instance.url}/v1/conversations/${id}/messages`, {
      token,
      body: { clientId: crypto.randomUUID(), body: `message ${at}` },
    });
    expect(sent.status).toBe(201);
  }
}

test("a heartbeat answers the positions of the user's own channels alone", async () => {
  const [pair, others] = [await openPair(), await openPair()];
  const socket = await openSocket(instance.url, pair.minh.token);
  await say(pair.lan.token, pair.id, 3);
  const last = await socket.next((frame) => frame.d?.body === "message 2");
  socket.send({ t: "hb", i: 5, p: { [pair.ch]: 0, [others.ch]: 0, [CH]: 0, toString: 0 } });
  const answer = await socket.next((frame) => frame.t === "hb.ok");
  expect(answer).toEqual({
    t: "hb.ok",
    i: 5,
    ts: expect.any(Number),
    top: { [pair.ch]: last.seq },
  });
});

test("a number in a frame that is text, a fraction or out of its range is refused", async () => {
  const { lan, ch } = await openPair();
  const socket = await openSocket(instance.url, lan.token);
  const wrong = [
    { from: "0" },
    { from: 0.5 },
    { from: -1 },
    { from: 0, lim: "5000" },
    { from: 0, lim: 501 },
  ];
  for (const [at, fields] of wrong.entries()) {
    socket.send({ t: "sync", i: at + 10, ch, ...fields });
    const answer = await socket.next((frame) => frame.i === at + 10);
    expect(answer).toMatchObject({ t: "err", m: "validation_failed" });
  }
});

test("sync returns the missed events in order, page by page", async () => {
  const { lan, minh, id, ch } = await openPair();
  await say(lan.token, id, 7);
  const socket = await openSocket(instance.url, minh.token);
  const events: Frame[] = [];
  let from = 0;
  for (let more = true, page = 1; more; page += 1) {
    socket.send({ t: "sync", i: page, ch, from, lim: 3 });
    const answer = await socket.next((frame) => frame.t === "sync.ok" && frame.i === page);
    events.push(...(answer["ev"] as Frame[]));
    from = Number(answer["to"]);
    more = answer["more"] === true;
    expect(page).toBeLessThan(10);
  }
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const bodies = events.filter(({ k }) => k === "msg.new").map(({ d }) => d?.body);
  expect(bodies).toEqual(Array.from({ length: 7 }, (_, at) => `message ${at}`));
  expect(eventsOf(socket, id)).toEqual([]);
});

test("a message sent twice under one cid is stored once and told once", async () => {
  const { lan, minh, id, ch } = await openPair();
  const [socket, reader] = [
    await openSocket(instance.url, lan.token),
    await openSocket(instance.url, minh.token),
  ];
  const frame = { t: "send", ch, cid: crypto.randomUUID(), body: "once" };
  for (const i of [1, 2, 3]) socket.send({ ...frame, i });
  socket.send({ ...frame, i: 4, cid: crypto.randomUUID(), body: "the end" });
  await reader.next(({ d }) => d?.body === "the end");
  await socket.next(({ t, i }) => t === "ack" && i === 4);
  const acks = socket.frames.filter(({ t, i }) => t === "ack" && i !== 4);
  expect(acks.map((ack) => ack["dup"])).toEqual([false, true, true]);
  expect(new Set(acks.map((ack) => ack["msg"])).size).toBe(1);
  expect(new Set(acks.map((ack) => ack.seq)).size).toBe(1);
  const told = eventsOf(reader, id).filter(({ k }) => k === "msg.new");
  expect(told.map(({ d }) => d?.body)).toEqual(["once", "the end"]);
  const { sql } = cluster.database;
  const rows = await sql`select id from app.messages where conversation_id = ${id}`;
  expect(rows).toHaveLength(2);
});
