import { afterAll, beforeAll, expect, test } from "bun:test";

import { generateSigningKey } from "../../../src/platform/tokens.ts";
import { type Answer, call } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";

const HTTPS = { "x-forwarded-proto": "https" };
const HOST = { host: "api.example.com" };

let cluster: Cluster;
let trusting: Instance;
let wary: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  const env = {
    NODE_ENV: "production",
    HOST: "127.0.0.1",
    PUBLIC_URL: "https://api.example.com",
    JWT_KEYS: JSON.stringify([await generateSigningKey()]),
  };
  trusting = await cluster.start({ ...env, TRUSTED_PROXIES: "10.0.0.0/8,127.0.0.1" });
  wary = await cluster.start({ ...env, TRUSTED_PROXIES: "10.0.0.0/8" });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function me(server: Instance, headers: Record<string, string>): Promise<Answer> {
  return await call("GET", `${server.url}/v1/me`, { headers });
}

test("plain HTTP is refused, and X-Forwarded-Proto counts only from a trusted proxy", async () => {
  const refused: [Instance, Record<string, string>][] = [
    [trusting, HOST],
    [trusting, { ...HOST, "x-forwarded-proto": "http" }],
    [trusting, { ...HOST, "x-forwarded-proto": "https, http" }],
    [wary, HOST],
    [wary, { ...HOST, ...HTTPS }],
    [wary, { ...HOST, ...HTTPS, "x-forwarded-for": "10.0.0.1" }],
  ];
  for (const [server, headers] of refused) {
    const { status, body, headers: answered } = await me(server, headers);
    expect([status, body["code"] as unknown]).toEqual([403, "https_required"]);
    expect(answered.get("content-type")).toBe("application/problem+json");
    expect(answered.get("x-request-id")).toBe(String(body["requestId"]));
  }
  for (const proto of ["https", "http, https"]) {
    const answer = await me(trusting, { ...HOST, "x-forwarded-proto": proto });
    expect([answer.status, answer.body["code"] as unknown]).toEqual([401, "unauthenticated"]);
    expect(answer.headers.get("strict-transport-security")).toContain("max-age=63072000");
  }
});

test("production answers for its own name only, and to operators by address", async () => {
  for (const host of ["localhost", "127.0.0.1", "example.com", "a"]) {
    const answer = await me(trusting, { ...HTTPS, host });
    expect([answer.status, answer.body["code"] as unknown]).toEqual([421, "misdirected_host"]);
  }
  expect((await call("GET", `${wary.url}/health/live`)).status).toBe(200);
  const misled = await call("GET", `${wary.url}/health/../v1/me`, { headers: HOST });
  expect(misled.body["code"] as unknown).toBe("https_required");
});
