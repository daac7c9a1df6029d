import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";

import { converse, type Person, signUp } from "../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../support/instance.ts";
import { until } from "../support/poll.ts";
import { findApp, type RunningApp, startApp } from "./app.ts";
import { type Chromium, openChromium } from "./chromium.ts";
import type { Page } from "./page.ts";
import { bodies, CONNECTED, open, say, signIn, untilShown } from "./visitor.ts";

/** Two browsers, two apps and two instances, on a machine that is busy. */
const SETUP_LIMIT_MS = 120_000;
const JOURNEY_LIMIT_MS = 120_000;
const PATIENCE_MS = 20_000;

let cluster: Cluster;
let browsers: [hers: Chromium, his: Chromium];
/** Her socket goes to an instance of its own; everything else goes to the other one. */
let apps: [hers: RunningApp, his: RunningApp];
let socketPort: number;
let socketSide: Instance;
let [lan, minh]: Person[] = [];
let hers: Page;
let his: Page;
let said: string[];

function startInstance(port: number): Promise<Instance> {
  const origins = apps.map(({ url }) => url).join(",");
  return cluster.start({ PORT: String(port), WEB_ORIGINS: origins, LIMITS_SCALE: "100" });
}

beforeAll(async () => {
  const copy = findApp("chat");
  socketPort = freePort();
  const [openedCluster, ...opened] = await Promise.all([
    openCluster(),
    openChromium(),
    openChromium(),
    startApp(copy, socketPort),
    startApp(copy),
  ]);
  cluster = openedCluster;
  browsers = [opened[0], opened[1]];
  apps = [opened[2], opened[3]];
  const { url } = await startInstance(copy.apiPort);
  socketSide = await startInstance(socketPort);
  [lan, minh] = await Promise.all([signUp(url, "Lan"), signUp(url, "Minh")]);
  await openGroup();
  [hers, his] = await Promise.all([
    signIn(browsers[0], apps[0].url, person(lan).email),
    signIn(browsers[1], apps[1].url, person(minh).email),
  ]);
}, SETUP_LIMIT_MS);

afterAll(async () => {
  await Promise.all([hers, his].map((page) => page?.[Symbol.asyncDispose]()));
  await Promise.all((apps ?? []).map((app) => app[Symbol.asyncDispose]()));
  await Promise.all((browsers ?? []).map((browser) => browser[Symbol.asyncDispose]()));
  await cluster?.[Symbol.asyncDispose]();
}, SETUP_LIMIT_MS);

async function openGroup(): Promise<void> {
  const group = { kind: "group", name: Bun.randomUUIDv7(), memberIds: [person(minh).id] };
  await converse(socketSide.url, person(lan).token, group);
}

/** A new conversation, which both have on screen. */
beforeEach(async () => {
  said = [];
  await openGroup();
  for (const [page, app] of [
    [hers, apps[0]],
    [his, apps[1]],
  ] as const) {
    await page.goto(`${app.url}/conversations`);
    await open(page);
  }
}, JOURNEY_LIMIT_MS);

test(
  "one sees the other type, until the message is there or they have taken it back",
  async () => {
    await hers.fill("input[name=body]", "Chào");
    await his.until("her typing", `document.querySelector(".typing").innerText !== ""`);
    expect(await hers.read(`document.querySelector(".typing").innerText`)).toBe("");
    await talk(hers, "Chào Minh, $VCB thế nào?");
    await his.until("the end of it", `document.querySelector(".typing").innerText === ""`);
    await his.fill("input[name=body]", "Tăng");
    await hers.until("his typing", `document.querySelector(".typing").innerText !== ""`);
    await his.fill("input[name=body]", "");
    await hers.until("the end of it", `document.querySelector(".typing").innerText === ""`);
    await talk(his, "Tăng 2%");
  },
  JOURNEY_LIMIT_MS,
);

test(
  "one sees what the other has read, and still knows it after a reload",
  async () => {
    await his.setOffline(true);
    await his.until("the loss", `!(${CONNECTED})`);
    await say(hers, "Chào");
    await untilShown(hers, ["Chào"]);
    await hers.until("it to be stored", `!document.querySelector("[data-pending]")`);
    expect(await hers.read(`document.querySelector(".read")`)).toBeNull();
    await his.setOffline(false);
    await untilShown(his, ["Chào"]);
    await hers.until("that he has read", `document.querySelector("main ol li .read")`);
    await hers.goto(await hers.read("location.href"));
    await hers.until("that he has read", `document.querySelector("main ol li .read")`);
  },
  JOURNEY_LIMIT_MS,
);

test(
  "one sees the other react, take it back and delete, and a reload shows the same",
  async () => {
    await talk(hers, "Mua không?");
    await talk(his, "Chờ đã");
    const first = "main ol li:first-child .react";
    const thumbs = `document.querySelector("${first}").innerText.trim()`;
    await his.click(first);
    for (const page of [hers, his]) await page.until("his thumb", `${thumbs} === "👍 1"`);
    await hers.click(first);
    for (const page of [hers, his]) await page.until("both thumbs", `${thumbs} === "👍 2"`);
    await his.click(first);
    for (const page of [hers, his]) await page.until("her thumb", `${thumbs} === "👍 1"`);
    await his.click("main ol li:last-child .delete");
    said[1] = "This message was deleted";
    for (const page of [hers, his]) await untilAll(page, said);
    await hers.goto(await hers.read("location.href"));
    await untilShown(hers, said);
    await hers.until("her own thumb", `document.querySelector("[aria-pressed=true].react")`);
    expect(await hers.read<string>(thumbs)).toBe("👍 1");
  },
  JOURNEY_LIMIT_MS,
);

test(
  "who is cut off for a while misses nothing, and what they write meanwhile arrives once and in order",
  async () => {
    await talk(hers, "Đi vào hầm đây");
    await hers.setOffline(true);
    await hers.until("the loss", `!(${CONNECTED})`);
    for (let number = 1; number <= 3; number += 1) await say(hers, `trong hầm ${number}`);
    await hers.until(
      "what waits",
      `document.querySelectorAll("[data-pending=waiting]").length === 3`,
    );
    for (let number = 1; number <= 3; number += 1) await say(his, `ngoài hầm ${number}`);
    const outside = ["Đi vào hầm đây", "ngoài hầm 1", "ngoài hầm 2", "ngoài hầm 3"];
    await untilShown(his, outside);
    await hers.setOffline(false);
    await hers.until("the return", CONNECTED);
    const all = [...outside, "trong hầm 1", "trong hầm 2", "trong hầm 3"];
    await Promise.all([hers, his].map((page) => untilAll(page, all)));
    expect(await pending(hers)).toBe(0);
  },
  JOURNEY_LIMIT_MS,
);

test(
  "what waits outlives a reload of the page, and is sent once when the socket is back",
  async () => {
    await talk(hers, "Chào");
    await socketSide.kill();
    await hers.until("the loss", `!(${CONNECTED})`);
    for (let number = 1; number <= 3; number += 1) await say(hers, `chờ ${number}`);
    await hers.goto(await hers.read("location.href"));
    const waiting = ["Chào", "chờ 1", "chờ 2", "chờ 3"];
    await untilShown(hers, waiting);
    expect(await pending(hers)).toBe(3);
    await say(hers, "chờ 4");
    expect(await bodies(his)).toEqual(["Chào"]);
    socketSide = await startInstance(socketPort);
    const all = [...waiting, "chờ 4"];
    await Promise.all([hers, his].map((page) => untilAll(page, all)));
    await hers.until("everything to arrive", `!document.querySelector("[data-pending]")`);
    await hers.goto(await hers.read("location.href"));
    await untilShown(hers, all);
    await hers.until("the connection", CONNECTED);
    expect([await pending(hers), await stored(hers)]).toEqual([0, 0]);
  },
  JOURNEY_LIMIT_MS,
);

test(
  "of two tabs each sends its own, and one that is closed leaves what it had to the other",
  async () => {
    await using tab = await hers.openTab();
    await tab.goto(await hers.read("location.href"));
    await tab.until("the connection", CONNECTED);
    await socketSide.kill();
    for (const page of [hers, tab]) await page.until("the loss", `!(${CONNECTED})`);
    await using third = await hers.openTab();
    await third.goto(await hers.read("location.href"));
    await say(hers, "từ thẻ một");
    await say(tab, "từ thẻ hai");
    await say(third, "từ thẻ ba");
    await third.until("what waits", `document.querySelectorAll("[data-pending]").length === 1`);
    await until("all of it to be stored", async () => (await stored(third)) === 3, PATIENCE_MS);
    await third.goto("about:blank");
    socketSide = await startInstance(socketPort);
    for (const page of [hers, tab, his])
      await page.until("all three", `document.querySelectorAll("main ol li").length >= 3`);
    for (const page of [hers, tab, his])
      expect((await bodies(page)).toSorted()).toEqual(["từ thẻ ba", "từ thẻ hai", "từ thẻ một"]);
    await until("an empty outbox", async () => (await stored(tab)) === 0, PATIENCE_MS);
  },
  JOURNEY_LIMIT_MS,
);

test("nothing went wrong in either page but what was made to", () => {
  const cut = /ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_REFUSED|WebSocket connection to/;
  for (const page of [hers, his])
    expect(page.complaints.filter((complaint) => !cut.test(complaint))).toEqual([]);
});

/** How many entries the browser keeps for a page that is still to come. */
const STORED = `new Promise((resolve) => indexedDB.databases().then((list) => {
  const { name } = list.find((one) => one.name.startsWith("frm-outbox-")) ?? {};
  if (name === undefined) return resolve(0);
  const request = indexedDB.open(name);
  request.onsuccess = () => {
    const count = request.result.transaction("commands").objectStore("commands").count();
    count.onsuccess = () => (request.result.close(), resolve(count.result));
  };
}))`;

function stored(page: Page): Promise<number> {
  return page.read<number>(STORED);
}

function pending(page: Page): Promise<number> {
  return page.read<number>(`document.querySelectorAll("[data-pending]").length`);
}

/** One of them says something, and both see it behind what was said before. */
async function talk(page: Page, body: string): Promise<void> {
  await say(page, body);
  said.push(body);
  await Promise.all([hers, his].map((reader) => untilShown(reader, said)));
}

/** Waits for messages that may pass through another order, until all have their place. */
async function untilAll(page: Page, expected: string[]): Promise<void> {
  const shown = `[...document.querySelectorAll("main ol li .body")].map((item) => item.innerText)`;
  const wanted = JSON.stringify(JSON.stringify(expected));
  await page.until("all messages in order", `JSON.stringify(${shown}) === ${wanted}`);
}

function person(found: Person | undefined): Person {
  if (!found) throw new Error("Cannot go on: nobody has signed up");
  return found;
}

function freePort(): number {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  server.stop(true);
  return server.port;
}
