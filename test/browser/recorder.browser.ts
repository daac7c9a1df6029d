import { afterAll, beforeAll, expect, test } from "bun:test";

import { until } from "../support/poll.ts";
import { type Chromium, openChromium } from "./chromium.ts";

/*
 * The other files conclude from empty lists that a page does nothing it must not do. This one breaks a page in each of
 * those ways, and expects it to show.
 */

const SETUP_LIMIT_MS = 60_000;
const POLICY = "default-src 'self' 'unsafe-inline' https://allowed.example";

let chromium: Chromium;

beforeAll(async () => {
  chromium = await openChromium();
}, SETUP_LIMIT_MS);

afterAll(async () => {
  await chromium?.[Symbol.asyncDispose]();
}, SETUP_LIMIT_MS);

const BREAKS: [body: string, request: string, complaint: string][] = [
  ["<script>console.error('lost')</script>", "", "console error: lost"],
  ["<script>console.warn('odd')</script>", "", "console warning: odd"],
  ["<script>throw new Error('thrown')</script>", "", "exception: Error: thrown"],
  ["<script>Promise.reject(new Error('missed'))</script>", "", "exception: Error: missed"],
  ["<img src='/missing.png'>", "/missing.png", "404"],
  ["<img src='https://other.example/x.png'>", "", "CSP: img-src https://other.example/x.png"],
  ["<img src='https://allowed.example/x.png'>", "https://allowed.example/x.png", "ERR_NAME_NOT"],
  ["<script>new WebSocket('wss://other.example/')</script>", "", "CSP: connect-src wss://other"],
  ["<script>fetch('https://allowed.example/api').catch(() => 0)</script>", "/api", "ERR_NAME_NOT"],
  ["<iframe src='https://other.example/'></iframe>", "", "CSP: frame-src https://other.example"],
];

test.each(BREAKS)("a break is recorded: %s", async (body, request, complaint) => {
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) =>
      new URL(url).pathname === "/"
        ? new Response(`<!doctype html><link rel="icon" href="data:,">${body}`, {
            headers: { "content-type": "text/html", "content-security-policy": POLICY },
          })
        : new Response("", { status: 404 }),
  });
  await using page = await chromium.openPage();
  await page.goto(server.url.href);
  await until(complaint, () => page.complaints.some((said) => said.includes(complaint)));
  await until("the request", () => page.requests.some((url) => url.endsWith(request)));
});

test("a page in order has nothing recorded but its own requests", async () => {
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () =>
      new Response(`<!doctype html><link rel="icon" href="/icon"><script>console.log(1)</script>`, {
        headers: { "content-type": "text/html", "content-security-policy": POLICY },
      }),
  });
  await using page = await chromium.openPage();
  await page.goto(server.url.href);
  await page.untilRequest(`${server.url.href}icon`);
  expect(page.complaints).toEqual([]);
  expect(page.requests).toEqual([server.url.href, `${server.url.href}icon`]);
});
