import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openRawSocket } from "../../support/socket.ts";

const APP = "https://app.example.com";
const OTHER_APP = "https://other.example.com";
const TRIES = 12;

let cluster: Cluster;
let one: Instance;
let two: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  const env = { WEB_ORIGINS: `${APP},${OTHER_APP}` };
  [one, two] = await Promise.all([cluster.start(env), cluster.start(env)]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

interface Asking {
  /** As a browser sends it. */
  origin?: string;
  body?: object;
}

async function ask({ token }: Person, { origin, body }: Asking = {}) {
  const headers: Record<string, string> = origin === undefined ? {} : { origin };
  return await call("POST", `${one.url}/v1/realtime/ticket`, {
    token,
    headers,
    ...(body === undefined ? {} : { body }),
  });
}

async function issue(person: Person, asking?: Asking): Promise<string> {
  const { status, body } = await ask(person, asking);
  expect(status).toBe(201);
  return String(body["ticket"]);
}

/** What becomes of a socket that says hello with the ticket, from a page or from no browser at all. */
async function use(ticket: string, { url }: Instance, origin?: string): Promise<string | number> {
  const socket = await openRawSocket(url, origin === undefined ? {} : { headers: { origin } });
  socket.send({ t: "hello", v: 1, tok: ticket });
  const greeted = socket.next(({ t }) => t === "hello.ok", "hello.ok").then(() => "open");
  const outcome = await Promise.race([greeted, socket.closed.then(({ code }) => code)]);
  greeted.catch(() => undefined);
  socket.close();
  return outcome;
}

test("of many that use one ticket at once, on two instances, one alone gets in", async () => {
  const lan = await signUp(one.url);
  const ticket = await issue(lan);
  const outcomes = await Promise.all(
    Array.from({ length: TRIES }, (_, at) => use(ticket, at % 2 === 0 ? one : two)),
  );
  expect(outcomes.filter((outcome) => outcome === "open")).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === 4401)).toHaveLength(TRIES - 1);
});

test("a ticket that a page has asked for opens sockets of that page's origin alone, and is used up by another's try", async () => {
  const lan = await signUp(one.url);
  expect(await use(await issue(lan, { origin: APP }), two, APP)).toBe("open");
  for (const stranger of [OTHER_APP, undefined]) {
    const ticket = await issue(lan, { origin: APP });
    expect(await use(ticket, two, stranger)).toBe(4401);
    expect(await use(ticket, two, APP)).toBe(4401);
  }
});

test("a server that asks for its page's sake binds the ticket by naming the page", async () => {
  const lan = await signUp(one.url);
  const forApp = { body: { origin: APP } };
  expect(await use(await issue(lan, forApp), two, APP)).toBe("open");
  expect(await use(await issue(lan, forApp), two, OTHER_APP)).toBe(4401);
  expect(await use(await issue(lan, forApp), two)).toBe(4401);
});

test("a ticket that names no origin opens sockets of our own pages and of clients that are no browser, never of others", async () => {
  const lan = await signUp(one.url);
  for (const body of [undefined, {}])
    expect(await use(await issue(lan, body ? { body } : {}), two)).toBe("open");
  for (const page of [APP, OTHER_APP]) expect(await use(await issue(lan), two, page)).toBe("open");
  const ticket = await issue(lan);
  for (const page of [
    "https://evil.example",
    "null",
    `${APP}.evil.example`,
    "http://app.example.com",
  ])
    expect(await use(ticket, two, page).catch(() => "refused")).toBe("refused");
  expect(await use(ticket, two)).toBe("open");
});

test.each<[string, Asking, string]>([
  ["a foreign page", { origin: "https://evil.example" }, "403 origin_not_allowed"],
  ["a page without a name", { origin: "null" }, "403 origin_not_allowed"],
  [
    "a server for a foreign page",
    { body: { origin: "https://evil.example" } },
    "403 origin_not_allowed",
  ],
  [
    "a page for another one",
    { origin: APP, body: { origin: OTHER_APP } },
    "403 origin_not_allowed",
  ],
  ["a body of another shape", { body: { origin: 7 } }, "422 validation_failed"],
  ["a field that nobody knows", { body: { admin: true } }, "422 validation_failed"],
])("%s gets no ticket", async (_who, asking, refusal) => {
  const answer = await ask(await signUp(one.url), asking);
  expect(`${answer.status} ${String(answer.body["code"])}`).toBe(refusal);
  expect(answer.body).not.toHaveProperty("ticket");
});

test("a ticket of a session that has ended since opens no socket on either instance", async () => {
  const lan = await signUp(one.url);
  const tickets = [await issue(lan), await issue(lan)];
  await call("POST", `${one.url}/v1/auth/logout`, { token: lan.token });
  expect(await use(tickets[0] ?? "", one)).toBe(4401);
  expect(await use(tickets[1] ?? "", two)).toBe(4401);
});
