import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";

import { PASSWORD, type Person, signUp } from "../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../support/instance.ts";
import { until } from "../support/poll.ts";
import { type Attack, fetching, FORM, form, MULTIPART, TEXT } from "./attacks.ts";
import { type Chromium, openChromium } from "./chromium.ts";
import { askWho, callFrom, COOKIE, requestsOf, sessionsOf } from "./own_page.ts";
import type { Page } from "./page.ts";
import { arrivedAt, openSite, type Site } from "./sites.ts";

const SETUP_LIMIT_MS = 60_000;
const ATTACK_LIMIT_MS = 60_000;

let cluster: Cluster;
let chromium: Chromium;
/** The origin of our web app: like a sibling in everything but that the product was told of it. */
let own: Site;
let hostile: Site;
/** A product without any check: what reaches it would have reached the real one. */
let naive: Site;
let instance: Instance;
let victim: Person;
let attacker: Person;
/** A window of its own for each test, in which the victim is signed in at our page. */
let page: Page;

beforeAll(async () => {
  own = openSite();
  hostile = openSite();
  naive = openSite();
  [cluster, chromium] = await Promise.all([openCluster(), openChromium()]);
  instance = await cluster.start({ WEB_ORIGINS: own.sibling });
  [victim, attacker] = await Promise.all([signUp(instance.url), signUp(instance.url)]);
}, SETUP_LIMIT_MS);

beforeEach(async () => {
  page = await chromium.openPage();
  await page.goto(own.sibling);
  const { email } = victim;
  const said = await callFrom(page, `${instance.url}/v1/auth/login`, { email, password: PASSWORD });
  expect(said.status).toBe(200);
  expect(Object.keys(await page.cookies())).toEqual([COOKIE]);
}, SETUP_LIMIT_MS);

afterEach(async () => await page?.[Symbol.asyncDispose]());

afterAll(async () => {
  await chromium?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  for (const site of [own, hostile, naive]) await site?.[Symbol.asyncDispose]();
}, SETUP_LIMIT_MS);

/** Where an attack stands, and whether the victim's cookie goes with it. */
const PAGES = [
  { where: "a sibling", at: () => hostile.sibling, withCookie: true },
  {
    where: "a sibling that hides its origin",
    at: () => `${hostile.sibling}/shy`,
    withCookie: true,
  },
  { where: "a stranger", at: () => hostile.stranger, withCookie: false },
];
const PATHS = ["/v1/auth/refresh", "/v1/auth/logout"];

/** Makes an attack from a page in the victim's window, and answers with what the page had to complain of. */
async function strike(from: string, url: string, attack: Attack): Promise<string> {
  await using tab = await page.openTab();
  await tab.goto(from);
  const outcome = await tab.read<string | undefined>(attack(url));
  if (outcome === undefined) await tab.untilAnswer(url);
  return tab.complaints.join("\n");
}

/** What the product was asked meanwhile, and how it answered. Preflights are not counted. */
async function askedBy(work: () => Promise<string>, count: number): Promise<string[]> {
  const seen = requestsOf(instance).length;
  await work();
  await until("the request to be logged", () => requestsOf(instance).length >= seen + count);
  return requestsOf(instance).slice(seen);
}

async function cookieOf(window: Page): Promise<string> {
  return (await window.cookies())[COOKIE] ?? "";
}

/** The attack reaches whoever does not check, with the victim's cookie where the page is a sibling. */
async function expectReal(attack: Attack, path = "/v1/auth/refresh"): Promise<void> {
  for (const { at, withCookie } of PAGES) {
    await strike(at(), naive.sibling + path, attack);
    const { method, cookie } = await arrivedAt(naive, path);
    const expected = withCookie ? `${COOKIE}=${await cookieOf(page)}` : "";
    expect([at(), method, cookie]).toEqual([at(), "POST", expected]);
  }
}

async function expectUntouched(work: () => Promise<void>): Promise<void> {
  const before = [await sessionsOf(cluster.database, victim.id), await cookieOf(page)];
  await work();
  expect([await sessionsOf(cluster.database, victim.id), await cookieOf(page)]).toEqual(before);
}

/** Whatever has a body is told apart by its type, before anybody looks for a cookie. */
const NOT_JSON: [string, Attack][] = [
  ["a form", form(FORM, "refreshToken", "x")],
  ["a form of plain text that reads as JSON", form(TEXT, `{"refreshToken":"x","a":"`, `"}`)],
  ["a form of several parts", form(MULTIPART, "refreshToken", "x")],
  ["a text that needs no leave", fetching(`mode: "no-cors", body: "{}"`)],
  ["JSON without a type", fetching(`mode: "no-cors", body: new Blob(["{}"])`)],
];

test.each(NOT_JSON)(
  "%s refreshes nothing and ends nothing, wherever it comes from",
  async (_, attack) => {
    await expectReal(attack);
    for (const path of PATHS) {
      for (const { where, at } of PAGES)
        await expectUntouched(async () => {
          const asked = await askedBy(() => strike(at(), instance.url + path, attack), 1);
          expect([where, asked]).toEqual([where, ["POST none 415"]]);
        });
    }
  },
  ATTACK_LIMIT_MS,
);

/** These pass for our own calls but for the header that no foreign page can add without leave. */
const EMPTY: [string, Attack][] = [
  ["an empty form", form(FORM)],
  ["an empty call", fetching()],
  ["an empty call that asks for no answer", fetching(`mode: "no-cors"`)],
  ["an empty call that hides its origin", fetching(`referrerPolicy: "no-referrer"`)],
];

test.each(EMPTY)(
  "%s refreshes nothing and ends nothing: a sibling's is refused, a stranger's has no cookie",
  async (_, attack) => {
    await expectReal(attack);
    for (const path of PATHS) {
      for (const { where, at, withCookie } of PAGES) {
        const asStranger = path.endsWith("refresh") ? 401 : 204;
        const expected = `POST ${path} ${withCookie ? 403 : asStranger}`;
        const before = await sessionsOf(cluster.database, victim.id);
        const asked = await askedBy(() => strike(at(), instance.url + path, attack), 1);
        expect([where, asked]).toEqual([where, [expected]]);
        expect(await sessionsOf(cluster.database, victim.id)).toEqual(before);
      }
    }
  },
  ATTACK_LIMIT_MS,
);

test("a stranger's form takes no cookie out of the victim's browser", async () => {
  await expectUntouched(async () => {
    await strike(hostile.stranger, `${instance.url}/v1/auth/logout`, form(FORM));
  });
});

const ASKING: [string, Attack][] = [
  ["a call with our header", fetching(`headers: { "x-frm-csrf": "1" }`)],
  ["a call with JSON", fetching(`headers: { "content-type": "application/json" }, body: "{}"`)],
];

test.each(ASKING)(
  "%s does not leave a foreign page: the browser asks first, and is not given leave",
  async (_, attack) => {
    await expectReal(attack);
    for (const path of PATHS) {
      for (const { at } of PAGES)
        await expectUntouched(async () => {
          let complaint = "";
          const asked = await askedBy(
            async () => (complaint = await strike(at(), instance.url + path, attack)),
            0,
          );
          expect(asked).toEqual([]);
          expect(complaint).toMatch(/blocked by CORS policy: Response to preflight request/);
        });
    }
  },
  ATTACK_LIMIT_MS,
);

test(
  "nobody is signed in as somebody else by a foreign page",
  async () => {
    const path = "/v1/auth/login";
    const body = JSON.stringify({ email: attacker.email, password: PASSWORD });
    const quoted = JSON.stringify(body);
    const attacks = [
      form(TEXT, `${body.slice(0, -1)},"a":"`, `"}`),
      fetching(`mode: "no-cors", body: ${quoted}`),
      fetching(`mode: "no-cors", body: new Blob([${quoted}])`),
      fetching(`headers: { "content-type": "application/json" }, body: ${quoted}`),
    ];
    const before = await sessionsOf(cluster.database, attacker.id);
    for (const attack of attacks) {
      await expectReal(attack, path);
      for (const { at } of PAGES)
        await expectUntouched(async () => void (await strike(at(), instance.url + path, attack)));
    }
    expect(await sessionsOf(cluster.database, attacker.id)).toEqual(before);
    // The very same words from our own page do sign somebody in.
    await using another = await chromium.openPage();
    await another.goto(own.sibling);
    const said = await callFrom(another, instance.url + path, JSON.parse(body) as object);
    expect(said.status).toBe(200);
    expect(await sessionsOf(cluster.database, attacker.id)).toHaveLength(before.length + 1);
  },
  ATTACK_LIMIT_MS,
);

test("after all of that our own page refreshes, and only with our header", async () => {
  const before = await cookieOf(page);
  const url = `${instance.url}/v1/auth/refresh`;
  expect(await page.read(fetching()(url))).toBe("answered");
  expect(await cookieOf(page)).toBe(before);
  const said = await callFrom(page, url);
  expect(said.status).toBe(200);
  expect(await cookieOf(page)).not.toBe(before);
  expect(await askWho(page, instance.url, said.accessToken ?? "")).toMatchObject({ status: 200 });
  // No page can read the token itself, ours neither.
  expect(await page.read("document.cookie")).toBe("");
});
