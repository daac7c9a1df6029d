import { afterAll, beforeAll, expect, test } from "bun:test";

import { createApi, createSocket, createTicketSource, type Ended } from "../../src/client/mod.ts";
import { createTokens, generateSigningKey } from "../../src/platform/tokens.ts";
import { call, converse, type Person, sessionOf, signUp } from "../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../support/instance.ts";
import { until } from "../support/poll.ts";

const LIFE_MS = 600_000;
/** Long enough for a ticket to be made with it, short enough to be warned of at once. */
const LEFT_MS = 6_000;

const key = await generateSigningKey();
let cluster: Cluster;
let first: Instance;
let second: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  const env = { JWT_KEYS: JSON.stringify([key]) };
  [first, second] = await Promise.all([cluster.start(env), cluster.start(env)]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** The person's token as it was signed some time ago. */
async function age({ id: userId, token }: Person, ageMs: number): Promise<string> {
  const tokens = createTokens([key], () => new Date(Date.now() - ageMs));
  return (await tokens.sign({ userId, sessionId: sessionOf(token), counter: 0 })).token;
}

/** An application whose access token is about to expire, and that refreshes it whenever a ticket is asked for. */
async function open(person: Person) {
  const states: string[] = [];
  const ended: Ended[] = [];
  const said: { t: string; in?: number }[] = [];
  class Overheard extends WebSocket {
    constructor(...given: ConstructorParameters<typeof WebSocket>) {
      super(...given);
      this.addEventListener("message", ({ data }) => said.push(JSON.parse(String(data))));
    }
  }
  let { refreshToken } = person;
  let token: string | undefined = await age(person, LIFE_MS - LEFT_MS);
  const refreshed = async () => {
    const { status, body } = await call("POST", `${first.url}/v1/auth/refresh`, {
      body: { refreshToken },
    });
    if (status !== 200) return undefined;
    refreshToken = String(body["refreshToken"]);
    return String(body["accessToken"]);
  };
  const api = createApi(second.url, {
    token: async () => {
      const now = token ?? (await refreshed());
      token = undefined;
      return now;
    },
  });
  const socket = createSocket({
    url: second.url,
    ticket: createTicketSource(api),
    WebSocket: Overheard as unknown as typeof WebSocket,
    backoffMs: () => 1,
  });
  socket.on("state", (state) => states.push(state));
  socket.on("ended", (end) => ended.push(end));
  return { socket, states, ended, said };
}

test("the client renews its socket by itself, with the tickets that it asks for anyway", async () => {
  const [lan, minh] = [await signUp(first.url), await signUp(first.url)];
  const conversationId = await converse(first.url, lan.token, { kind: "direct", userId: minh.id });
  const { socket, states, said } = await open(lan);
  await until("the renewal", () => said.some(({ t }) => t === "tok.ok"));
  expect(said.find(({ t }) => t === "tok.exp")?.in).toBeLessThanOrEqual(LEFT_MS);
  expect(said.find(({ t }) => t === "tok.ok")?.in).toBeGreaterThan(LIFE_MS - 30_000);
  await socket.send({ conversationId, body: "Still here" });
  expect([states, said.filter(({ t }) => t === "hello.ok")]).toEqual([
    ["open"],
    [expect.anything()],
  ]);
  socket.close();
});

test("where the session was ended, it does not try to come back", async () => {
  const lan = await signUp(first.url);
  const { socket, states, ended } = await open(lan);
  await until("the socket to open", () => socket.state === "open");
  await call("POST", `${first.url}/v1/auth/logout`, { token: lan.token });
  await until("the end", () => ended.length > 0);
  expect(ended.map(({ verdict }) => verdict)).toEqual(["signed_out"]);
  expect(states).toEqual(["open", "closed"]);
});
