import { afterAll, beforeAll, expect, test } from "bun:test";

import {
  type Answer,
  call,
  converse,
  PASSWORD,
  type Person,
  signUp,
} from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";

let cluster: Cluster;
let server: Instance;
let lan: Person;
let conversation: string;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  server = await cluster.start();
  lan = await signUp(server.url, "Lan");
  conversation = await converse(server.url, lan.token, {
    kind: "group",
    name: "VN30",
    memberIds: [],
  });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

interface FieldProblem {
  pointer: string;
  code: string;
}

async function send(body: unknown): Promise<Answer> {
  return await call("POST", `${server.url}/v1/conversations/${conversation}/messages`, {
    token: lan.token,
    body,
  });
}

async function list(query: string): Promise<Answer> {
  return await call("GET", `${server.url}/v1/conversations${query}`, { token: lan.token });
}

async function register(displayName: string): Promise<Answer> {
  const email = `${crypto.randomUUID()}@example.com`;
  return await call("POST", `${server.url}/v1/auth/register`, {
    body: { email, password: PASSWORD, displayName, transport: "body" },
  });
}

function expectField(answer: Answer, pointer: string, code: string): void {
  expect([answer.status, answer.body["code"] as unknown]).toEqual([422, "validation_failed"]);
  const errors = answer.body["errors"] as unknown as FieldProblem[];
  expect(errors.map((error) => ({ pointer: error.pointer, code: error.code }))).toContainEqual({
    pointer,
    code,
  });
}

/** A message as JSON text, into which a test can put what JSON.stringify would not write. */
function raw(insert: string, body = '"hello"'): string {
  return `{"clientId":"${crypto.randomUUID()}","body":${body}${insert}}`;
}

test("what is not JSON is 400, and what is not UTF-8 too", async () => {
  for (const text of ["{", "nul", "{'a':1}", '{"a":1,}', "\u{feff}{", "NaN", '{"a":1}{"b":2}']) {
    const answer = await send(text);
    expect([answer.status, answer.body["code"] as unknown]).toEqual([400, "malformed_json"]);
  }
  for (const bytes of [
    [0xff, 0xfe],
    [0x22, 0xc0, 0xaf, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
    [0x22, 0xf5, 0x80, 0x80, 0x80, 0x22],
  ]) {
    const response = await fetch(`${server.url}/v1/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: new Uint8Array(bytes),
    });
    const body = (await response.json()) as { code: string };
    expect([response.status, body.code]).toEqual([400, "malformed_json"]);
  }
});

test("control characters and broken Unicode are refused wherever they stand", async () => {
  for (const code of ["\\u0000", "\\u0007", "\\u001b", "\\u007f", "\\u0085", "\\u009f"])
    expectField(await send(raw("", `"a${code}b"`)), "/body", "control_character");
  for (const code of ["\\ud800", "\\udc00", "\\udc00\\ud800", "\\ud83d"])
    expectField(await send(raw("", `"a${code}b"`)), "/body", "broken_unicode");
  expectField(await send(raw(',"a\\u0000":1')), "", "control_character");
  expectField(await send(raw(',"a\\ud800":1')), "", "broken_unicode");
  expect((await send(raw("", '"line\\nline\\ttab \\ud83d\\ude00"'))).status).toBe(201);
  for (const name of ["two\nlines", " blank end ", "tab\there", " "])
    expectField(await register(name), "/displayName", "format");
});

test("text comes back composed, and its length is counted after that", async () => {
  const decomposed = "Nguyễn Thị Lan".normalize("NFD");
  const registered = await register(decomposed);
  const { displayName } = registered.body["user"] as unknown as { displayName: string };
  expect(decomposed).not.toBe(decomposed.normalize("NFC"));
  expect([registered.status, displayName]).toEqual([201, decomposed.normalize("NFC")]);
  expect((await register("ễ".repeat(60).normalize("NFD"))).status).toBe(201);
  expectField(await register("ễ".repeat(61).normalize("NFD")), "/displayName", "too_long");
  const message = await send({ clientId: crypto.randomUUID(), body: "ế".normalize("NFD") });
  expect([message.status, message.body["body"] as unknown]).toEqual([201, "ế".normalize("NFC")]);
});

test("an unknown field is refused, and so is one that reaches for a prototype", async () => {
  expectField(await send(raw(',"role":"admin"')), "", "unknown");
  for (const key of ["__proto__", "constructor", "prototype"]) {
    expectField(await send(raw(`,"${key}":{"polluted":1}`)), "", "unknown");
    expectField(await send(raw(`,"${key}":1`)), "", "unknown");
    expectField(await send(raw(`,"extra":{"${key}":{}}`)), "", "unknown");
    expectField(await send(raw(`,"extra":[{"a":{"${key}":1}}]`)), "/0", "unknown");
  }
  expectField(await send(raw(',"\\u005f_proto__":1')), "", "unknown");
});

test("JSON that is too deep or too large is refused", async () => {
  const deep = "[".repeat(10_000) + "]".repeat(10_000);
  const objects = '{"a":'.repeat(10_000) + "1" + "}".repeat(10_000);
  for (const text of [deep, objects, raw(`,"extra":${deep}`), raw("", deep)]) {
    const answer = await send(text);
    expect([400, 422]).toContain(answer.status);
  }
  const wide = `[${"1,".repeat(200_000)}1]`;
  for (const text of [wide, raw(`,"extra":${wide}`), raw("", wide)])
    expect((await send(text)).body["code"] as unknown).toBe("validation_failed");
  const members = Array.from({ length: 101 }, () => crypto.randomUUID());
  const group = { kind: "group", name: "x", memberIds: members };
  const answer = await call("POST", `${server.url}/v1/conversations`, {
    token: lan.token,
    body: group,
  });
  expect(answer.status).toBe(422);
});

test("a path that cannot be decoded is refused", async () => {
  for (const id of ["%", "%zz", "%E0%A4%A", "%ff", "%00", "%C0%AF", "%ED%A0%80", "..%2f..%2fme"])
    for (const path of [`/v1/conversations/${id}/messages`, `/v1/${id}`, `/${id}`]) {
      const answer = await call("GET", `${server.url}${path}`, { token: lan.token });
      expect([path, [400, 404, 422].includes(answer.status)]).toEqual([path, true]);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
    }
});

test("a query is as strict as a body", async () => {
  const refused = [
    "limit=0",
    "limit=101",
    "limit=abc",
    "limit=1.5",
    "limit=-1",
    "limit=",
    "limit=1&limit=2",
    "limit=1&limit=101",
    "cursor=",
    "unknown=1",
    "limit=1&unknown=1",
    "__proto__=1",
    "constructor=1",
    "cursor=%00",
    "limit=1&%6cimit=1",
    `cursor=${"a".repeat(513)}`,
  ];
  for (const query of refused)
    expect([query, (await list(`?${query}`)).status]).toEqual([query, 422]);
  for (const query of ["", "?limit=1", "?limit=100"]) expect((await list(query)).status).toBe(200);
});

test("a cursor that this list has not given out is refused", async () => {
  await converse(server.url, lan.token, { kind: "group", name: "HNX", memberIds: [] });
  const first = await list("?limit=1");
  const { nextCursor } = first.body["page"] as unknown as { nextCursor: string };
  expect((await list(`?limit=1&cursor=${nextCursor}`)).status).toBe(200);
  const [payload = "", mac = ""] = nextCursor.split(".");
  const other = Buffer.from('["2026-01-01T00:00:00Z",1]').toString("base64url");
  const forged = [
    "x",
    ".",
    payload,
    `${payload}.`,
    `${other}.${mac}`,
    `${payload}.${mac.slice(0, -1)}`,
    `${payload}.${mac}=`,
    `${payload}x.${mac}`,
    `${payload}.${mac}.${mac}`,
  ];
  for (const cursor of forged) {
    const answer = await list(`?cursor=${cursor}`);
    expect([cursor, answer.status, answer.body["code"] as unknown]).toEqual([
      cursor,
      400,
      "invalid_cursor",
    ]);
  }
  const minh = await signUp(server.url, "Minh");
  const stolen = await call("GET", `${server.url}/v1/conversations?cursor=${nextCursor}`, {
    token: minh.token,
  });
  expect([stolen.status, stolen.body["code"] as unknown]).toEqual([400, "invalid_cursor"]);
});
