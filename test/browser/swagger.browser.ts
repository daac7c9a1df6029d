import { afterAll, beforeAll, expect, test } from "bun:test";

import { PASSWORD, type Person, signUp } from "../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../support/instance.ts";
import { type Chromium, openChromium } from "./chromium.ts";
import type { Page } from "./page.ts";

const SETUP_LIMIT_MS = 60_000;
const JOURNEY_LIMIT_MS = 120_000;

let cluster: Cluster;
let chromium: Chromium;
let instance: Instance;
let lan: Person;

beforeAll(async () => {
  [cluster, chromium] = await Promise.all([openCluster(), openChromium()]);
  instance = await cluster.start();
  lan = await signUp(instance.url, "Lan");
}, SETUP_LIMIT_MS);

afterAll(async () => {
  await chromium?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
}, SETUP_LIMIT_MS);

test(
  "Swagger UI signs somebody in and runs an operation, with nothing from outside and no violation",
  async () => {
    await using page = await chromium.openPage();
    await page.goto(`${instance.url}/swagger`);

    // Before anybody is signed in, the answer is the refusal that the document describes.
    const me = await openOperation(page, "get", "/v1/me");
    await execute(page, me);
    expect(await answerOf(page, me)).toMatchObject({
      status: 401,
      body: { code: "unauthenticated" },
    });

    const login = await openOperation(page, "post", "/v1/auth/login");
    await page.fill(`${login} textarea`, JSON.stringify({ email: lan.email, password: PASSWORD }));
    await execute(page, login);
    const signedIn = await answerOf(page, login);
    expect(signedIn).toMatchObject({ status: 200, body: { user: { id: lan.id } } });

    await page.click(".scheme-container .btn.authorize");
    await page.fill(".modal-ux input", String(signedIn.body["accessToken"]));
    await page.click(".modal-ux button[type=submit]");
    await page.click(".modal-ux .btn-done");

    await execute(page, me);
    await page.until("the new answer", `${statusIn(me)} === "200"`);
    expect(await answerOf(page, me)).toMatchObject({
      status: 200,
      body: { id: lan.id, displayName: "Lan" },
    });

    expect(page.requests.length).toBeGreaterThan(4);
    expect(page.requests.filter((url) => !url.startsWith(`${instance.url}/`))).toEqual([]);
    // Chromium reports every answer of 400 and more, and the refusal above is the one that was asked for.
    const refusal = `error: Failed to load resource: the server responded with a status of 401 (Unauthorized) ${instance.url}/v1/me`;
    expect(page.complaints).toEqual([refusal]);
  },
  JOURNEY_LIMIT_MS,
);

/** Opens an operation with its form. @returns the selector of its block. */
async function openOperation(page: Page, method: string, path: string): Promise<string> {
  const block = `.opblock-${method}:has([data-path="${path}"])`;
  await page.click(`${block} .opblock-summary-control`);
  await page.click(`${block} .try-out__btn`);
  return block;
}

async function execute(page: Page, block: string): Promise<void> {
  await page.click(`${block} .btn.execute`);
  await page.until("an answer", statusIn(block));
}

async function answerOf(
  page: Page,
  block: string,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const status = Number(await page.read<string>(statusIn(block)));
  const shown = `document.querySelector(${JSON.stringify(`${block} .live-responses-table .highlight-code code`)})`;
  await page.until("the body of the answer", shown);
  const body = JSON.parse(await page.read<string>(`${shown}.innerText`)) as Record<string, unknown>;
  return { status, body };
}

/** An expression for the status that is shown; the text may go on below with a note. */
function statusIn(block: string): string {
  const cell = JSON.stringify(`${block} .live-responses-table .response .response-col_status`);
  return `document.querySelector(${cell})?.innerText.trim().split(/\\s/)[0]`;
}
