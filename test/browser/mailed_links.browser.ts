import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, PASSWORD, type Person, signUp } from "../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../support/instance.ts";
import { linksTo } from "../support/mailed_links.ts";
import { findApp, type RunningApp, startApp } from "./app.ts";
import { type Chromium, openChromium } from "./chromium.ts";
import type { Page } from "./page.ts";
import { enter } from "./visitor.ts";

const SETUP_LIMIT_MS = 120_000;
const JOURNEY_LIMIT_MS = 60_000;
const NEW_PASSWORD = "eight silver rivers";
/** Subjects, in either language. */
const WELCOME = /^(?:Chào mừng bạn|Welcome)/;
const RESET = /^(?:Đặt mật khẩu mới|Set a new password)$/;
const ALLOW = /đổi địa chỉ email\?|address change\?/;
const CONFIRM = /^(?:Xác nhận địa chỉ email mới|Confirm your new e-mail address)$/;

let cluster: Cluster;
let chromium: Chromium;
let app: RunningApp;
let instance: Instance;

beforeAll(async () => {
  [cluster, chromium, app] = await Promise.all([
    openCluster(),
    openChromium(),
    startApp(findApp("mail")),
  ]);
  // The web app and the API share an address, as behind one proxy: links in mails lead to the app.
  instance = await cluster.start({ PORT: String(app.apiPort), PUBLIC_URL: app.url });
}, SETUP_LIMIT_MS);

afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
  await chromium?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
}, SETUP_LIMIT_MS);

/** The whole link as it stands in the newest mail under such a subject. */
async function mailed(address: string, subject: RegExp): Promise<{ url: string; token: string }> {
  const [link] = await linksTo(cluster.dataDir, address, { subject });
  const { page = "", token = "" } = link ?? {};
  expect(page).toStartWith(`${app.url}/`);
  return { url: `${page}#token=${token}`, token };
}

/** Opens a link, looks at what it asks, and checks that its token is in no address by then. */
async function follow(page: Page, url: string, token: string): Promise<void> {
  await page.goto(url);
  await page.until("the question", `document.querySelector("main form button")`);
  expect(await page.read("location.href")).toBe(url.split("#")[0] ?? "");
  expect((await page.history()).join()).not.toContain(token);
}

async function answered(page: Page, done: string): Promise<void> {
  await page.until(done, `document.querySelector("[role=status]")?.dataset.done === "${done}"`);
}

async function refused(page: Page, code: string): Promise<void> {
  await page.until(code, `document.querySelector("[role=alert]")?.dataset.code === "${code}"`);
}

/** No request carried the token but the one that used it, which carries it in its body. */
function expectNoLeak(page: Page, token: string): void {
  expect(page.sent.length).toBeGreaterThan(3);
  expect(page.sent.filter((request) => request.includes(token))).toEqual([]);
  expect(page.requests.filter((url) => !url.startsWith(`${app.url}/`))).toEqual([]);
  expect(app.log() + instance.log()).not.toContain(token);
}

async function isVerified({ token }: Person): Promise<unknown> {
  return (await call("GET", `${instance.url}/v1/me`, { token })).body["emailVerified"];
}

async function logIn(email: string, password: string): Promise<number> {
  const body = { email, password, transport: "body" };
  return (await call("POST", `${instance.url}/v1/auth/login`, { body })).status;
}

test(
  "whoever registers follows the link in the welcome mail, and their address is confirmed",
  async () => {
    const lan = await signUp(instance.url, "Lan");
    const { url, token } = await mailed(lan.email, WELCOME);
    await using page = await chromium.openPage();
    await follow(page, url, token);
    // Looking at it is not enough: programs open links in mails before people do.
    expect(await isVerified(lan)).toBe(false);
    await page.click("main form button");
    await answered(page, "confirmed");
    expect(await isVerified(lan)).toBe(true);
    expectNoLeak(page, token);
    expect(page.complaints).toEqual([]);

    // The link works once, and says so; a page without a link says that too.
    await using later = await chromium.openPage();
    await follow(later, url, token);
    await later.click("main form button");
    await refused(later, "link_invalid");
    await later.goto(`${app.url}/verify-email`);
    await later.until("a hint", `document.querySelector("[role=alert]")`);
    expect(await later.read(`document.querySelector("main form")`)).toBeNull();
  },
  JOURNEY_LIMIT_MS,
);

test(
  "another link opened in the same tab is the one that counts, and a bent one does nothing",
  async () => {
    const minh = await signUp(instance.url, "Minh");
    const { url, token } = await mailed(minh.email, WELCOME);
    await using page = await chromium.openPage();
    await follow(page, `${url}x`, `${token}x`);
    await page.click("main form button");
    await refused(page, "link_invalid");
    expect(await isVerified(minh)).toBe(false);
    await page.read(`location.hash = ${JSON.stringify(`token=${token}`)}`);
    await page.until("a fresh form", `!document.querySelector("[role=alert]")`);
    expect(await page.read("location.href")).not.toContain(token);
    await page.click("main form button");
    await answered(page, "confirmed");
    expect(await isVerified(minh)).toBe(true);
  },
  JOURNEY_LIMIT_MS,
);

test(
  "a forgotten password is set anew by mail, which signs every device out and nobody in",
  async () => {
    const lan = await signUp(instance.url, "Lan");
    await using page = await chromium.openPage();
    await page.goto(`${app.url}/sign-in`);
    await page.click("main p a");
    await page.until("the question", `location.pathname === "/forgotten-password"`);
    for (const email of [`nobody.${lan.email}`, lan.email]) {
      await page.fill("input[name=email]", email);
      await page.click("main form button");
      await answered(page, "asked");
    }
    const { url, token } = await mailed(lan.email, RESET);
    await follow(page, url, token);
    // A password that is guessed soon uses no link up.
    await page.fill("input[name=password]", "password1");
    await page.click("main form button");
    await refused(page, "validation_failed");
    expect((await call("GET", `${instance.url}/v1/me`, { token: lan.token })).status).toBe(200);
    await page.fill("input[name=password]", NEW_PASSWORD);
    await page.click("main form button");
    await answered(page, "set");
    expectNoLeak(page, token);
    expect(page.sent.filter((request) => request.includes("silver"))).toEqual([]);
    expect((await call("GET", `${instance.url}/v1/me`, { token: lan.token })).status).toBe(401);
    expect(await logIn(lan.email, PASSWORD)).toBe(401);

    await page.click("main p a");
    await page.until("the sign-in page", `location.pathname === "/sign-in"`);
    await enter(page, lan.email, NEW_PASSWORD);
    await page.until("the list", `location.pathname === "/conversations"`);
  },
  JOURNEY_LIMIT_MS,
);

test(
  "an account moves to another address when both addresses have agreed, and not before",
  async () => {
    const lan = await signUp(instance.url, "Lan");
    const email = `new.${lan.email}`;
    await using page = await chromium.openPage();
    await page.goto(`${app.url}/sign-in`);
    await enter(page, lan.email, PASSWORD);
    await page.click("header a");
    await page.until("the account", `document.querySelector("[data-verified=false]")`);

    async function ask(password: string): Promise<void> {
      await page.fill("input[name=email]", email);
      await page.fill("input[name=password]", password);
      await page.click("main form button");
    }
    await ask("not the password");
    await refused(page, "invalid_credentials");
    await ask(PASSWORD);
    await answered(page, "asked");

    for (const [address, subject, done] of [
      [lan.email, ALLOW, "waiting"],
      [email, CONFIRM, "moved"],
    ] as const) {
      const { url, token } = await mailed(address, subject);
      // The mail may be opened on any device, by whoever is signed in there or nobody.
      await using elsewhere = await chromium.openPage();
      await follow(elsewhere, url, token);
      expect(await logIn(email, PASSWORD)).toBe(401);
      await elsewhere.click("main form button");
      await answered(elsewhere, done);
      expectNoLeak(elsewhere, token);
      expect(elsewhere.complaints).toEqual([]);
    }
    expect([await logIn(email, PASSWORD), await logIn(lan.email, PASSWORD)]).toEqual([200, 401]);
    await page.goto(`${app.url}/account`);
    await page.until(
      "the new address",
      `document.querySelector("[data-verified=true] .email")?.innerText === ${JSON.stringify(email)}`,
    );
  },
  JOURNEY_LIMIT_MS,
);
