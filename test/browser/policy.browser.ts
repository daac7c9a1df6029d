import { afterAll, beforeAll, expect, test } from "bun:test";

import { until } from "../support/poll.ts";
import { findApp, type RunningApp, startApp } from "./app.ts";
import { type Chromium, openChromium } from "./chromium.ts";

const SETUP_LIMIT_MS = 120_000;

let chromium: Chromium;
let app: RunningApp;

beforeAll(async () => {
  // The sign-in page needs no API.
  [chromium, app] = await Promise.all([openChromium(), startApp(findApp("first"))]);
}, SETUP_LIMIT_MS);

afterAll(async () => {
  await app?.[Symbol.asyncDispose]();
  await chromium?.[Symbol.asyncDispose]();
}, SETUP_LIMIT_MS);

test("a page runs no script but its own, and asks nobody else for anything", async () => {
  await using page = await chromium.openPage();
  await page.goto(`${app.url}/sign-in`);
  expect(page.complaints).toEqual([]);
  await page.read(`(() => {
    const script = document.createElement("script");
    script.textContent = "window.intruded = true";
    document.body.append(script);
    const image = document.createElement("img");
    image.src = "https://tracker.example/pixel.png";
    document.body.append(image);
    document.body.insertAdjacentHTML("beforeend", "<img src='/icon.svg?' onload='window.intruded = true'>");
  })()`);
  await until("every refusal", () =>
    ["script-src-elem", "script-src-attr", "img-src"].every((directive) =>
      page.complaints.some((complaint) => complaint.includes(`CSP: ${directive}`)),
    ),
  );
  expect(await page.read("window.intruded === undefined")).toBe(true);
});
