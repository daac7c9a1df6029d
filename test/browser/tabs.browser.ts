import { afterAll, beforeAll, expect, test } from "bun:test";

import { PASSWORD, type Person, signUp } from "../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../support/instance.ts";
import { type Chromium, openChromium } from "./chromium.ts";
import { askWho, callFrom, COOKIE, type Said } from "./own_page.ts";
import type { Page } from "./page.ts";
import { openSite, type Site } from "./sites.ts";

const SETUP_LIMIT_MS = 60_000;
const JOURNEY_LIMIT_MS = 60_000;
const ROUNDS = 40;
const STORM_CALLS = 25;

let cluster: Cluster;
let chromium: Chromium;
let own: Site;
let instance: Instance;

beforeAll(async () => {
  own = openSite();
  [cluster, chromium] = await Promise.all([openCluster(), openChromium()]);
  instance = await cluster.start({ WEB_ORIGINS: own.sibling });
}, SETUP_LIMIT_MS);

afterAll(async () => {
  await chromium?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  await own?.[Symbol.asyncDispose]();
}, SETUP_LIMIT_MS);

function refresh(page: Page): Promise<Said> {
  return callFrom(page, `${instance.url}/v1/auth/refresh`);
}

/** Somebody new, signed in at our page in a window of their own. */
async function signInNew(): Promise<{ page: Page; person: Person }> {
  const person = await signUp(instance.url);
  // The session of the registration is not the one that this is about.
  await cluster.database.sql`delete from app.sessions where user_id = ${person.id}`;
  const page = await chromium.openPage();
  await page.goto(own.sibling);
  const said = await callFrom(page, `${instance.url}/v1/auth/login`, {
    email: person.email,
    password: PASSWORD,
  });
  expect(said.status).toBe(200);
  return { page, person };
}

interface State {
  counter: number;
  alive: boolean;
}

async function stateOf({ id }: Person): Promise<State> {
  const [row] = await cluster.database.sql<State[]>`
    select refresh_counter as counter, revoked_at is null as alive
    from app.sessions where user_id = ${id}`;
  return { counter: Number(row?.counter), alive: row?.alive === true };
}

/** As if the last refresh had been an hour ago, long after two tabs or a lost answer could be the reason. */
async function age({ id }: Person): Promise<void> {
  await cluster.database.sql`
    update app.sessions set refreshed_at = refreshed_at - interval '1 hour' where user_id = ${id}`;
}

/** How often a session of somebody's was ended because a token of it was used twice. */
async function countAlarms({ id }: Person): Promise<number> {
  const entries = await cluster.database.sql`
    select 1 from app.audit_entries where user_id = ${id} and action = 'auth.refresh_reused'`;
  return entries.length;
}

test(
  "two tabs that refresh at the same moment both stay signed in, round after round",
  async () => {
    const { page, person } = await signInNew();
    await using first = page;
    await using second = await first.openTab();
    await second.goto(own.sibling);
    for (let round = 0; round < ROUNDS; round += 1) {
      const said = await Promise.all([refresh(first), refresh(second)]);
      expect(said.map(({ status }) => status)).toEqual([200, 200]);
      const asked = [first, second].map((tab, at) =>
        askWho(tab, instance.url, said[at]?.accessToken ?? ""),
      );
      expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200]);
    }
    const { counter, alive } = await stateOf(person);
    expect(alive).toBe(true);
    // At least one step a round, and so few that both tabs did show the same token more than once.
    expect(counter).toBeGreaterThanOrEqual(ROUNDS);
    expect(counter).toBeLessThan(2 * ROUNDS);
    expect(await countAlarms(person)).toBe(0);
  },
  JOURNEY_LIMIT_MS,
);

test(
  "tabs that refresh all the time, each at its own pace, end no session",
  async () => {
    const { page, person } = await signInNew();
    await using first = page;
    const url = JSON.stringify(`${instance.url}/v1/auth/refresh`);
    const storm = `(async () => {
      const codes = [];
      for (let call = 0; call < ${STORM_CALLS}; call += 1) {
        const init = { method: "POST", credentials: "include", headers: { "x-frm-csrf": "1" } };
        const answer = await fetch(${url}, init);
        codes.push(answer.ok ? "ok" : (await answer.json()).code);
      }
      return codes;
    })()`;
    const tabs = await Promise.all([first.openTab(), first.openTab(), first.openTab()]);
    await Promise.all(tabs.map((tab) => tab.goto(own.sibling)));
    const codes = (await Promise.all(tabs.map((tab) => tab.read<string[]>(storm)))).flat();
    // A call that was overtaken twice may be told that its token is old news; the cookie is newer by then.
    expect([...new Set(codes)].filter((code) => code !== "refresh_superseded")).toEqual(["ok"]);
    expect((await stateOf(person)).alive).toBe(true);
    expect(await refresh(first)).toMatchObject({ status: 200 });
    expect(await countAlarms(person)).toBe(0);
  },
  JOURNEY_LIMIT_MS,
);

test("a tab whose answer was lost goes on an hour later, and a token that was used does not", async () => {
  const { page, person } = await signInNew();
  await using first = page;
  const before = (await first.cookies())[COOKIE];
  expect(await loseAnswer(first)).toBe("lost");
  expect((await first.cookies())[COOKIE]).toBe(before ?? "");
  expect(await stateOf(person)).toEqual({ counter: 1, alive: true });
  await age(person);
  const said = await refresh(first);
  expect(said.status).toBe(200);
  expect(await askWho(first, instance.url, said.accessToken ?? "")).toMatchObject({ status: 200 });
  expect(await stateOf(person)).toEqual({ counter: 1, alive: true });
  expect(await countAlarms(person)).toBe(0);

  // What was lost once is honoured; what was answered, used and shown again is in the wrong hands.
  expect((await refresh(first)).status).toBe(200);
  await age(person);
  await first.setCookie({ name: COOKIE, value: before ?? "", url: instance.url });
  expect(await refresh(first)).toMatchObject({ status: 401, code: "refresh_reused" });
  expect((await stateOf(person)).alive).toBe(false);
  expect(await countAlarms(person)).toBe(1);
});

/** Refreshes by way of a server that hands the call on, and breaks off when the answer has come. */
async function loseAnswer(page: Page): Promise<string> {
  const detour = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request, server) => {
      const url = new URL(new URL(request.url).pathname, instance.url);
      const answer = await fetch(url, { method: request.method, headers: request.headers });
      const { headers, status } = answer;
      // The browser's question whether it may ask is answered.
      if (request.method === "OPTIONS") return new Response(null, { status, headers });
      if (status === 200) await server.stop(true);
      return new Response("", { status: 500 });
    },
  });
  const url = `http://localhost:${detour.port}/v1/auth/refresh`;
  const outcome = callFrom(page, url).then(
    ({ status }) => `answered ${status}`,
    () => "lost",
  );
  return await outcome.finally(() => detour.stop(true));
}

test("logging out takes the cookie out of the browser, which takes every attribute of it", async () => {
  const { page, person } = await signInNew();
  await using first = page;
  const cookie = (await first.cookies())[COOKIE];
  // A deletion that is not Secure is none: the browser keeps a cookie of this name.
  await first.read(`fetch("/forget/${COOKIE}", { credentials: "include" }).then(() => 1)`);
  expect((await first.cookies())[COOKIE]).toBe(cookie ?? "");
  expect(await callFrom(first, `${instance.url}/v1/auth/logout`)).toMatchObject({ status: 204 });
  expect(await first.cookies()).toEqual({});
  expect((await stateOf(person)).alive).toBe(false);
  expect(await refresh(first)).toMatchObject({ status: 401, code: "unauthenticated" });
  // Somebody who had copied it before has nothing of it either.
  await first.setCookie({ name: COOKIE, value: cookie ?? "", url: instance.url });
  expect(await refresh(first)).toMatchObject({ status: 401, code: "session_revoked" });
});
