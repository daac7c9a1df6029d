import { afterAll, beforeAll, expect, test } from "bun:test";

import { PASSWORD, type Person, signUp } from "../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../support/instance.ts";
import { until } from "../support/poll.ts";
import { type Chromium, openChromium } from "./chromium.ts";
import { callFrom, COOKIE, requestsOf } from "./own_page.ts";
import type { Page } from "./page.ts";
import { arrivedAt, openSite, type Site } from "./sites.ts";

const SETUP_LIMIT_MS = 60_000;

let cluster: Cluster;
let chromium: Chromium;
let own: Site;
let hostile: Site;
/** A server that lets any page open a socket. */
let naive: Site;
let instance: Instance;
let victim: Person;
let page: Page;

beforeAll(async () => {
  own = openSite();
  hostile = openSite();
  naive = openSite();
  [cluster, chromium] = await Promise.all([openCluster(), openChromium()]);
  instance = await cluster.start({ WEB_ORIGINS: own.sibling });
  victim = await signUp(instance.url);
  page = await chromium.openPage();
  await page.goto(own.sibling);
  const { email } = victim;
  const said = await callFrom(page, `${instance.url}/v1/auth/login`, { email, password: PASSWORD });
  expect(said.status).toBe(200);
}, SETUP_LIMIT_MS);

afterAll(async () => {
  await page?.[Symbol.asyncDispose]();
  await chromium?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  for (const site of [own, hostile, naive]) await site?.[Symbol.asyncDispose]();
}, SETUP_LIMIT_MS);

/** A ticket that works once, as the victim's own page would get it. */
async function ticket(): Promise<string> {
  const answer = await fetch(`${instance.url}/v1/realtime/ticket`, {
    method: "POST",
    headers: { authorization: `Bearer ${victim.token}` },
  });
  return ((await answer.json()) as { ticket: string }).ticket;
}

/** Opens a socket in a page and says hello. @returns what the page got: a frame, or the code of a close. */
async function knock(from: Page, origin: string, token: string): Promise<string> {
  const url = JSON.stringify(`${origin.replace("http", "ws")}/v1/ws`);
  const hello = JSON.stringify(JSON.stringify({ t: "hello", v: 1, i: 1, tok: token }));
  return await from.read(`new Promise((resolve) => {
    const socket = new WebSocket(${url}, "frm.v1");
    socket.onopen = () => socket.send(${hello});
    socket.onmessage = ({ data }) => (resolve(JSON.parse(data).t), socket.close());
    socket.onclose = ({ code }) => resolve("closed " + code);
  })`);
}

function countRefusals(): number {
  return requestsOf(instance).filter((line) => line === "GET /v1/ws 403").length;
}

const FOREIGN: [string, () => string, boolean][] = [
  ["a sibling, whose socket carries the victim's cookie", () => hostile.sibling, true],
  ["a stranger", () => hostile.stranger, false],
];

test.each(FOREIGN)(
  "a socket is refused before it opens for %s, and the ticket that it shows stays unused",
  async (_, at, withCookie) => {
    const stolen = await ticket();
    await using tab = await page.openTab();
    await tab.goto(at());
    // Whoever does not look at the origin lets it in.
    expect(await knock(tab, naive.sibling, stolen)).toBe("let in");
    const { origin, cookie } = await arrivedAt(naive, "/v1/ws");
    expect(origin).toBe(at());
    expect(cookie.startsWith(`${COOKIE}=frt1_`)).toBe(withCookie);

    const seen = countRefusals();
    expect(await knock(tab, instance.url, stolen)).toBe("closed 1006");
    await until("the refusal", () => countRefusals() === seen + 1);
    // Our own page gets in with that very ticket, and only once.
    expect(await knock(page, instance.url, stolen)).toBe("hello.ok");
    expect(await knock(page, instance.url, stolen)).toBe("closed 4401");
  },
);

test("the victim's cookie opens no socket without a ticket, from our own page neither", async () => {
  const cookie = (await page.cookies())[COOKIE] ?? "";
  expect(cookie).toStartWith("frt1_");
  for (const token of [cookie, "", "cookie"])
    expect(await knock(page, instance.url, token)).toMatch(/^closed 440[01]$/);
});
