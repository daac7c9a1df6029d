import { afterAll, beforeAll, expect, test } from "bun:test";

import type { SigningKey } from "../../src/platform/settings.ts";
import { createTokens, generateSigningKey } from "../../src/platform/tokens.ts";
import { call, converse, type Person, sessionOf, signUp } from "../support/client.ts";
import { countBits, flip } from "../support/flip.ts";
import { type Cluster, type Instance, openCluster } from "../support/instance.ts";
import { findApp, type RunningApp, startApp } from "./app.ts";
import { fetching } from "./attacks.ts";
import { type Chromium, openChromium } from "./chromium.ts";
import { requestsOf } from "./own_page.ts";
import type { Page } from "./page.ts";
import { openSite } from "./sites.ts";
import { LISTED, signIn } from "./visitor.ts";

/* How the app looks at access tokens before it makes a page, and how it refreshes them. */

const SETUP_LIMIT_MS = 120_000;
const JOURNEY_LIMIT_MS = 60_000;
const ACCESS = "__Host-frm_access";
const REFRESH = "__Host-frm_refresh";
const HOUR_MS = 3_600_000;
const ROUNDS = 10;

let cluster: Cluster;
let chromium: Chromium;
let app: RunningApp;
let instance: Instance;
let key: SigningKey;
let lan: Person;

function startInstance(keys: SigningKey[]): Promise<Instance> {
  return cluster.start({ PORT: String(app.apiPort), JWT_KEYS: JSON.stringify(keys) });
}

beforeAll(async () => {
  [cluster, chromium, app, key] = await Promise.all([
    openCluster(),
    openChromium(),
    startApp(findApp("session")),
    generateSigningKey(),
  ]);
  instance = await startInstance([key]);
  lan = await signUp(instance.url, "Lan");
  await converse(instance.url, lan.token, { kind: "group", name: "Cổ phiếu", memberIds: [] });
}, SETUP_LIMIT_MS);

afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
  await chromium?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
}, SETUP_LIMIT_MS);

async function tokenOf(page: Page): Promise<string> {
  return (await page.cookies())[ACCESS] ?? "";
}

/** The token that this key would have signed at another time for the session that the page is in. */
async function signAt(time: Date, by: SigningKey, page: Page): Promise<string> {
  const of = { userId: lan.id, sessionId: sessionOf(await tokenOf(page)), counter: 0 };
  return (await createTokens([by], () => time).sign(of)).token;
}

async function show(page: Page, token: string): Promise<void> {
  await page.setCookie({ name: ACCESS, value: token, url: app.url });
  await page.goto(`${app.url}/conversations`);
}

/** What the pages have asked the API on behalf of the visitor. */
function askedFor(): number {
  return requestsOf(instance).filter((line) => line.startsWith("GET /v1/me ")).length;
}

test(
  "a token that is none of ours leads to the sign-in, and no page asks the API with it",
  async () => {
    await using page = await signIn(chromium, app.url, lan.email);
    const token = await tokenOf(page);
    const stranger = { ...(await generateSigningKey()), kid: key.kid };
    const none = Buffer.from(JSON.stringify({ alg: "none", typ: "at+jwt", kid: key.kid }));
    const forged = [
      ...[9, 400, countBits(token) - 1, countBits(token) - 300].map((bit) => flip(token, bit)),
      await signAt(new Date(), stranger, page),
      await signAt(new Date(), await generateSigningKey(), page),
      `${none.toString("base64url")}.${token.split(".")[1]}.`,
      "junk",
    ];
    for (const text of forged) {
      await page.deleteCookie(REFRESH, app.url);
      const before = askedFor();
      await show(page, text);
      expect(await page.read("location.pathname")).toBe("/sign-in");
      expect(await page.cookies()).toEqual({});
      expect(askedFor()).toBe(before);
    }
    // The token itself, put back in the same way, is good for a page.
    await show(page, token);
    await page.until("the list", LISTED);
  },
  JOURNEY_LIMIT_MS,
);

test("the public keys are asked for once for many pages, and by nothing that is secret", async () => {
  const count = () =>
    requestsOf(instance).filter((line) => line === "GET /.well-known/jwks.json 200").length;
  await using page = await signIn(chromium, app.url, lan.email);
  const before = count();
  for (let visit = 0; visit < ROUNDS; visit += 1) {
    await page.goto(`${app.url}/conversations`);
    await page.until("the list", LISTED);
  }
  expect(count()).toBeGreaterThan(0);
  expect(count() - before).toBeLessThanOrEqual(1);
});

test("a token that ran out is renewed, and one that looks good of an ended session is not believed", async () => {
  await using page = await signIn(chromium, app.url, lan.email);
  const expired = await signAt(new Date(Date.now() - HOUR_MS), key, page);
  await show(page, expired);
  await page.until("the list", LISTED);
  expect(await tokenOf(page)).not.toBe(expired);

  const token = await tokenOf(page);
  expect((await call("POST", `${instance.url}/v1/auth/logout`, { token })).status).toBe(204);
  const before = askedFor();
  // Nothing about the token has changed, so it passes the check; it is the API that knows better.
  await page.goto(`${app.url}/conversations`);
  await page.until("the sign-in page", `location.pathname === "/sign-in"`);
  expect(askedFor()).toBeGreaterThan(before);
});

test(
  "two tabs whose token ran out at the same moment both stay signed in, and so does one whose answer was lost",
  async () => {
    await using first = await signIn(chromium, app.url, lan.email);
    await using second = await first.openTab();
    const sid = sessionOf(await tokenOf(first));
    const home = `${app.url}/conversations`;
    for (let round = 0; round < ROUNDS; round += 1) {
      await first.deleteCookie(ACCESS, app.url);
      await Promise.all([first.goto(home), second.goto(home)]);
      await Promise.all([first.until("the list", LISTED), second.until("the list", LISTED)]);
    }
    for (let round = 0; round < 2; round += 1) {
      // The app has refreshed, and what it answered never reached the browser.
      const cookie = `${REFRESH}=${(await first.cookies())[REFRESH]}`;
      const lost = await call("GET", `${app.url}/session`, { headers: { cookie } });
      expect(lost.status).toBe(200);
      await cluster.database.sql`
        update app.sessions set refreshed_at = refreshed_at - interval '1 hour' where id = ${sid}`;
      await second.deleteCookie(ACCESS, app.url);
      await second.goto(home);
      await second.until("the list", LISTED);
    }
    const [row] = await cluster.database.sql`
      select revoked_at is null as alive from app.sessions where id = ${sid}`;
    expect(row?.["alive"]).toBe(true);
    expect(sessionOf(await tokenOf(first))).toBe(sid);
  },
  JOURNEY_LIMIT_MS,
);

test(
  "a request that was overtaken drops no newer cookies, and the page comes by itself",
  async () => {
    await using page = await signIn(chromium, app.url, lan.email);
    const old = (await page.cookies())[REFRESH] ?? "";
    // Two other requests of this browser have refreshed since this one left.
    let newest = old;
    for (let step = 0; step < 2; step += 1) {
      const { headers } = await call("GET", `${app.url}/session`, {
        headers: { cookie: `${REFRESH}=${newest}` },
      });
      newest = /__Host-frm_refresh=([^;]+)/.exec(headers.getSetCookie().join())?.[1] ?? "";
    }
    expect(newest).not.toBe(old);
    await page.deleteCookie(ACCESS, app.url);
    await page.goto(`${app.url}/conversations`);
    expect(await page.read("location.pathname")).toBe("/conversations");
    expect(await page.read("document.title")).toStartWith("Unavailable");
    expect(await page.cookies()).toEqual({ [REFRESH]: old });
    await page.setCookie({ name: REFRESH, value: newest, url: app.url });
    await page.until("the list", LISTED);
  },
  JOURNEY_LIMIT_MS,
);

/** Sends the fields of the app's own form for signing out, as somebody who has read the page's source would. */
function signOutForm(fields: [string, string][]): string {
  return `(() => {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: "${app.url}/conversations", enctype: "multipart/form-data" });
    for (const [name, value] of ${JSON.stringify(fields)})
      form.append(Object.assign(document.createElement("input"), { name, value }));
    document.body.append(form);
    form.submit();
  })()`;
}

test("whoever comes by a link on another site is still signed in, and who was not is asked to", async () => {
  await using other = openSite();
  const follow = `location.href = ${JSON.stringify(`${app.url}/conversations`)}`;
  await using page = await signIn(chromium, app.url, lan.email);
  const before = await page.cookies();
  await page.goto(other.stranger);
  await page.read(follow);
  await page.until("the list", LISTED);
  expect(await page.cookies()).toEqual(before);

  await using nobody = await chromium.openPage();
  await nobody.goto(other.stranger);
  await nobody.read(follow);
  await nobody.until("the sign-in page", `location.pathname === "/sign-in"`);
});

test(
  "a foreign page neither reads our page's token nor signs anybody out, and our own form does",
  async () => {
    await using hostile = openSite();
    await using page = await signIn(chromium, app.url, lan.email);
    const html = await page.read<string>(`fetch("/conversations").then((answer) => answer.text())`);
    const [, field = ""] = /name="(\$ACTION_ID_\w+)"/.exec(html) ?? [];
    expect(field).not.toBe("");
    for (const from of [hostile.sibling, `${hostile.sibling}/shy`, hostile.stranger]) {
      await using tab = await page.openTab();
      await tab.goto(from);
      const url = `${app.url}/session`;
      expect(await tab.read(fetching(`method: "GET"`)(url))).toBe("failed");
      await tab.read(signOutForm([[field, ""]]));
      await tab.untilAnswer(`${app.url}/conversations`);
    }
    await page.goto(`${app.url}/conversations`);
    await page.until("the list", LISTED);
    await page.read(signOutForm([[field, ""]]));
    await page.until("the sign-in page", `location.pathname === "/sign-in"`);
    expect(await page.cookies()).toEqual({});
  },
  JOURNEY_LIMIT_MS,
);

test(
  "a new signing key is taken up while people are signed in, and nobody notices",
  async () => {
    await using page = await signIn(chromium, app.url, lan.email);
    const old = await tokenOf(page);
    const next = await generateSigningKey();
    await instance.kill();
    instance = await startInstance([next, key]);
    await show(page, old);
    await page.until("the list", LISTED);
    expect(await tokenOf(page)).toBe(old);
    await page.deleteCookie(ACCESS, app.url);
    await page.goto(`${app.url}/conversations`);
    await page.until("the list", LISTED);
    const [header = ""] = (await tokenOf(page)).split(".");
    expect(JSON.parse(atob(header))).toMatchObject({ kid: next.kid });
    await page.goto(`${app.url}/conversations`);
    await page.until("the list", LISTED);
    expect(page.complaints).toEqual([]);
  },
  JOURNEY_LIMIT_MS,
);
