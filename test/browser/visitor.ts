import { expect } from "bun:test";

import { PASSWORD } from "../support/client.ts";
import type { RunningApp } from "./app.ts";
import type { Chromium } from "./chromium.ts";
import type { Page } from "./page.ts";

/** What a person does in the Next.js app, and what they then see. */

/** The list of conversations is there. */
export const LISTED = `document.querySelector("main ul li a")`;
/** Next puts this up when its own scripts start. */
export const SCRIPTS_RUN = `"next" in window`;
export const CONNECTED = `document.querySelector("[role=status]")?.dataset.state === "open"`;

export const UNREACHABLE = `document.querySelector("[role=alert]")?.dataset.code === "unreachable"`;

export async function enter(page: Page, email: string, password: string): Promise<void> {
  await page.fill("input[name=email]", email);
  await page.fill("input[name=password]", password);
  await page.click("form button");
}

/** Opens the app as on a device of its own, and signs in. */
export async function signIn(chromium: Chromium, url: string, email: string): Promise<Page> {
  const page = await chromium.openPage();
  await page.goto(url);
  await page.until("the sign-in page", `location.pathname === "/sign-in"`);
  await enter(page, email, PASSWORD);
  await page.until("the list", LISTED);
  return page;
}

/** Goes to the first conversation by its link, and waits for the socket. */
export async function open(page: Page): Promise<void> {
  await page.click("main ul li a");
  await page.until("the connection", CONNECTED);
}

export async function say(page: Page, body: string): Promise<void> {
  await page.fill("input[name=body]", body);
  await page.pressEnter();
}

/** The messages as they stand on the page. */
export async function bodies(page: Page): Promise<string[]> {
  return await page.read(
    `[...document.querySelectorAll("main ol li .body")].map((item) => item.innerText)`,
  );
}

/** Waits for so many messages, which then are exactly these. */
export async function untilShown(page: Page, expected: string[]): Promise<void> {
  const count = `document.querySelectorAll("main ol li").length`;
  await page.until(`${expected.length} messages`, `${count} >= ${expected.length}`);
  expect(await bodies(page)).toEqual(expected);
}

/** Every request went to the app's own origin, but the socket, which goes to its own instance. */
export function expectOwn(page: Page, app: RunningApp): void {
  const socket = `ws://localhost:${app.apiPort}/v1/ws`;
  const own = [`${app.url}/`, socket];
  expect(page.requests.filter((url) => !own.some((start) => url.startsWith(start)))).toEqual([]);
  expect(page.requests).toContain(socket);
}
