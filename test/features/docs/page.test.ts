import { afterAll, beforeAll, expect, test } from "bun:test";

import { generateSigningKey } from "../../../src/platform/tokens.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";

const FILES: [path: string, type: string][] = [
  ["/swagger", "text/html; charset=utf-8"],
  ["/swagger/", "text/html; charset=utf-8"],
  ["/swagger/json", "application/json"],
  ["/swagger/start.js", "text/javascript; charset=utf-8"],
  ["/swagger/swagger-ui-bundle.js", "text/javascript; charset=utf-8"],
  ["/swagger/swagger-ui.css", "text/css; charset=utf-8"],
  ["/swagger/favicon-16x16.png", "image/png"],
  ["/swagger/favicon-32x32.png", "image/png"],
];

let cluster: Cluster;
let development: Instance;
let production: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  development = await cluster.start();
  production = await cluster.start({
    NODE_ENV: "production",
    HOST: "127.0.0.1",
    PUBLIC_URL: "https://api.example.com",
    TRUSTED_PROXIES: "127.0.0.1",
    JWT_KEYS: JSON.stringify([await generateSigningKey()]),
  });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(`${development.url}${path}`, { headers, signal: AbortSignal.timeout(5_000) });
}

test("the page and its files are served as what they are, and again only when they have changed", async () => {
  for (const [path, type] of FILES) {
    const first = await get(path);
    const etag = first.headers.get("etag") ?? "";
    expect([path, first.status, first.headers.get("content-type")]).toEqual([path, 200, type]);
    expect((await first.bytes()).length).toBeGreaterThan(100);
    expect(first.headers.get("cache-control")).toBe("public, no-cache");
    const second = await get(path, { "if-none-match": etag });
    expect([path, second.status, (await second.bytes()).length]).toEqual([path, 304, 0]);
    expect((await get(path, { "if-none-match": '"other"' })).status).toBe(200);
  }
});

test("the page allows nothing inline, nothing from outside, and no frame", async () => {
  for (const headers of [
    {},
    { "if-none-match": (await get("/swagger")).headers.get("etag") ?? "" },
  ]) {
    const policy = (await get("/swagger", headers)).headers.get("content-security-policy") ?? "";
    expect(policy).toStartWith("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
  }
  const html = await (await get("/swagger")).text();
  expect(html).not.toMatch(/https?:|<style|style=|\son\w+=|<script(?![^>]*\ssrc=)/);
  const asked = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? "");
  const listed = FILES.map(([path]) => path);
  expect(asked.length).toBe(5);
  expect(asked.filter((path) => !listed.includes(path))).toEqual([]);
});

test("no other file of the package or of the disk is served", async () => {
  const others = [
    "index.html",
    "package.json",
    "swagger-ui-bundle.js.map",
    "constructor",
    "..%2fpackage.json",
    "%2e%2e",
  ];
  for (const name of others) {
    const answer = await get(`/swagger/${name}`);
    const body = (await answer.json()) as { code: string };
    expect([name, answer.status, body.code]).toEqual([name, 404, "not_found"]);
  }
});

test("production serves the page and the same document, and no mailbox in it", async () => {
  const headers = { host: "api.example.com", "x-forwarded-proto": "https" };
  const signal = AbortSignal.timeout(5_000);
  expect((await fetch(`${production.url}/swagger`, { headers, signal })).status).toBe(200);
  const answer = await fetch(`${production.url}/swagger/json`, { headers, signal });
  const text = await answer.text();
  expect(text).toBe(await (await get("/swagger/json")).text());
  expect(text).not.toContain("/dev/");
});
