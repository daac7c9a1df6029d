import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, converse, PASSWORD, type Person, signUp } from "../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../support/instance.ts";
import { findApp, type RunningApp, startApp } from "./app.ts";
import { type Chromium, openChromium } from "./chromium.ts";
import {
  bodies,
  CONNECTED,
  enter,
  expectOwn,
  LISTED,
  open,
  say,
  SCRIPTS_RUN,
  signIn,
  UNREACHABLE,
  untilShown,
} from "./visitor.ts";

/** Starting Chromium, two builds of Next and two instances, on a machine that is busy. */
const SETUP_LIMIT_MS = 120_000;
const JOURNEY_LIMIT_MS = 120_000;

let cluster: Cluster;
let chromium: Chromium;
let apps: RunningApp[];
let instances: Instance[];
let lan: Person;
let minh: Person;
let conversationId: string;

/** An instance for one app, which both origins may use: the browser opens its socket there. */
function startInstanceOf({ apiPort }: RunningApp): Promise<Instance> {
  const origins = apps.map(({ url }) => url).join(",");
  return cluster.start({ PORT: String(apiPort), WEB_ORIGINS: origins, LIMITS_SCALE: "100" });
}

beforeAll(async () => {
  [cluster, chromium, apps] = await Promise.all([
    openCluster(),
    openChromium(),
    Promise.all(["first", "second"].map((name) => startApp(findApp(name)))),
  ]);
  instances = [await startInstanceOf(side(0)), await startInstanceOf(side(1))];
  const { url } = instance(0);
  [lan, minh] = await Promise.all([signUp(url, "Lan"), signUp(url, "Minh")]);
  conversationId = await converse(url, lan.token, {
    kind: "group",
    name: "Cổ phiếu",
    memberIds: [minh.id],
  });
}, SETUP_LIMIT_MS);

afterAll(async () => {
  await Promise.all((apps ?? []).map((app) => app[Symbol.asyncDispose]()));
  await chromium?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
}, SETUP_LIMIT_MS);

test("a wrong password is refused by its code, and nobody is signed in", async () => {
  await using page = await chromium.openPage();
  await page.goto(`${side(0).url}/conversations`);
  await page.until("the sign-in page", `location.pathname === "/sign-in"`);
  await enter(page, lan.email, "not the password");
  await page.until(
    "the refusal",
    `document.querySelector('[role=alert]')?.dataset.code === "invalid_credentials"`,
  );
  expect(await page.read(`document.querySelector("[name=email]").value`)).toBe(lan.email);
  expect(await page.read(`document.querySelector("[name=password]").value`)).toBe("");
  expect(await page.cookies()).toEqual({});
  expect(page.complaints).toEqual([]);
});

test("signing in and reading need no script, refusals included", async () => {
  await using page = await chromium.openPage();
  await page.disableScripts();
  await page.goto(side(0).url);
  await enter(page, lan.email, "not the password");
  await page.until("the refusal", `document.querySelector("[role=alert]")`);
  await enter(page, lan.email, PASSWORD);
  await page.until("the list", LISTED);
  await page.click("main ul li a");
  await page.until("the conversation", `document.querySelector("[role=log]")`);
  expect(await page.read(SCRIPTS_RUN)).toBe(false);
});

test(
  "two people talk over two apps and two instances, live, in order and exactly once",
  async () => {
    await using hers = await signIn(chromium, side(0).url, lan.email);
    await using his = await signIn(chromium, side(1).url, minh.email);

    // The list is in the HTML that the server sends, before any script has run.
    const html = await hers.read<string>(`fetch("/conversations").then((answer) => answer.text())`);
    expect(html).toContain("Cổ phiếu");
    // And the browser asks for it by itself, through the rewrite of its own origin.
    hers.requests.length = 0;
    await hers.click("ul + button");
    await hers.untilRequest(`${side(0).url}/v1/conversations`);
    await hers.until(
      "the list",
      `document.querySelector("main ul li a")?.innerText === "Cổ phiếu"`,
    );

    await open(hers);
    await open(his);
    expect(await hers.read(SCRIPTS_RUN)).toBe(true);
    const said: string[] = [];
    for (const [page, body] of [
      [hers, "Chào Minh, hôm nay $VCB thế nào?"],
      [his, "Tăng 2%"],
      [hers, "Mua không?"],
      [his, "Chờ đã"],
    ] as const) {
      await say(page, body);
      said.push(body);
      await Promise.all([hers, his].map((reader) => untilShown(reader, said)));
    }
    // Several at once keep the order in which they were sent.
    for (let number = 1; number <= 5; number += 1) {
      await say(hers, `nhanh ${number}`);
      said.push(`nhanh ${number}`);
    }
    await Promise.all([hers, his].map((reader) => untilShown(reader, said)));
    // The other way in shows the same: nothing was shown that is not stored.
    await his.goto(`${side(1).url}/conversations/${conversationId}`);
    await untilShown(his, said);

    expectOwn(hers, side(0));
    expectOwn(his, side(1));
    for (const page of [hers, his]) expect(page.complaints).toEqual([]);
  },
  JOURNEY_LIMIT_MS,
);

test(
  "lists go on in the browser, page by page, in order and without repetition",
  async () => {
    const { url } = instance(0);
    const [hoa, nam] = [await signUp(url, "Hoa"), await signUp(url, "Nam")];
    const names = Array.from({ length: 21 }, (_, index) => `Nhóm ${index + 1}`);
    const ids: string[] = [];
    for (const name of names) {
      ids.push(await converse(url, hoa.token, { kind: "group", name, memberIds: [nam.id] }));
    }
    const said = Array.from({ length: 25 }, (_, index) => `tin ${index + 1}`);
    for (const body of said) {
      const path = `${url}/v1/conversations/${ids.at(-1)}/messages`;
      const clientId = Bun.randomUUIDv7();
      expect(
        (await call("POST", path, { token: hoa.token, body: { clientId, body } })).status,
      ).toBe(201);
    }
    await using page = await signIn(chromium, side(0).url, hoa.email);
    const listed = `[...document.querySelectorAll("main ul li a")].map((link) => link.innerText)`;
    expect(await page.read<string[]>(listed)).toHaveLength(20);
    await page.click("ul + button + button");
    await page.until(
      "the rest of the list",
      `document.querySelectorAll("main ul li").length === 21`,
    );
    expect(await page.read<string[]>(listed)).toEqual(names.toReversed());

    await open(page);
    expect(await bodies(page)).toEqual(said.slice(5));
    await page.click("[role=status] + button");
    await untilShown(page, said);
    expect(page.complaints).toEqual([]);
  },
  JOURNEY_LIMIT_MS,
);

test(
  "the socket comes back after kill -9 of its instance, with what was said meanwhile",
  async () => {
    await using hers = await signIn(chromium, side(0).url, lan.email);
    await open(hers);
    await instance(0).kill();
    await hers.until("the loss to show", `!(${CONNECTED})`);
    const body = `meanwhile ${Bun.randomUUIDv7()}`;
    const sent = await call(
      "POST",
      `${instance(1).url}/v1/conversations/${conversationId}/messages`,
      {
        token: minh.token,
        body: { clientId: Bun.randomUUIDv7(), body },
      },
    );
    expect(sent.status).toBe(201);
    instances[0] = await startInstanceOf(side(0));
    await hers.until("the return", CONNECTED);
    await hers.until(
      "the message",
      `document.querySelector("main ol li:last-child .body")?.innerText === ${JSON.stringify(body)}`,
    );
    expect(await bodies(hers).then((all) => all.filter((one) => one === body))).toHaveLength(1);
  },
  JOURNEY_LIMIT_MS,
);

test(
  "while the API is away every page says so, and nobody is signed out",
  async () => {
    await using page = await signIn(chromium, side(0).url, lan.email);
    await instance(0).kill();
    await page.click("ul + button");
    await page.until("the refusal in the browser", UNREACHABLE);
    await page.goto(`${side(0).url}/conversations`);
    await page.until("the refusal on the server", UNREACHABLE);
    // The access token has run out too, and cannot be renewed.
    await page.deleteCookie("__Host-frm_access", side(0).url);
    await page.goto(`${side(0).url}/conversations`);
    await page.until("the refusal before the page", UNREACHABLE);
    expect(await page.read("location.pathname")).toBe("/conversations");
    instances[0] = await startInstanceOf(side(0));
    await page.goto(`${side(0).url}/conversations`);
    await page.until("the list", LISTED);
  },
  JOURNEY_LIMIT_MS,
);

test(
  "an access token that ran out is renewed by the server, page after page",
  async () => {
    await using page = await signIn(chromium, side(0).url, lan.email);
    const seen = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      seen.add((await page.cookies())["__Host-frm_refresh"] ?? "");
      await page.deleteCookie("__Host-frm_access", side(0).url);
      await page.goto(`${side(0).url}/conversations`);
      await page.until("the list", LISTED);
    }
    expect(seen.size).toBe(3);
    expect(Object.keys(await page.cookies()).sort()).toEqual([
      "__Host-frm_access",
      "__Host-frm_refresh",
    ]);
    expect(await page.read("document.cookie")).toBe("");
    expect(page.complaints).toEqual([]);
  },
  JOURNEY_LIMIT_MS,
);

test(
  "a session that is ended elsewhere leads to the sign-in page, not to a broken one",
  async () => {
    await using page = await signIn(chromium, side(0).url, lan.email);
    await open(page);
    const token = (await page.cookies())["__Host-frm_access"] ?? "";
    const ended = await call("POST", `${instance(1).url}/v1/auth/logout`, { token });
    expect(ended.status).toBe(204);
    // The socket is closed at once, and the page follows.
    await page.until("the sign-in page", `location.pathname === "/sign-in"`);
    await page.goto(`${side(0).url}/conversations`);
    await page.until("the sign-in page again", `location.pathname === "/sign-in"`);
    await enter(page, lan.email, PASSWORD);
    await page.until("the list", LISTED);
  },
  JOURNEY_LIMIT_MS,
);

test("signing out ends the session for the API too", async () => {
  await using page = await signIn(chromium, side(0).url, lan.email);
  const token = (await page.cookies())["__Host-frm_access"] ?? "";
  await page.click("header button");
  await page.until("the sign-in page", `location.pathname === "/sign-in"`);
  expect(await page.cookies()).toEqual({});
  const asked = await call("GET", `${instance(1).url}/v1/me`, { token });
  expect([asked.status, asked.body["code"]]).toEqual([401, "session_revoked"]);
});

function side(index: number): RunningApp {
  return at(apps, index);
}

function instance(index: number): Instance {
  return at(instances, index);
}

function at<T>(list: T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`Cannot use number "${index}": it was not started`);
  return found;
}
