import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Answer, call, PASSWORD } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";

const APP = "https://app.example.com";
const MEGABYTE = 1_048_576;
const JSON_TYPE = { "content-type": "application/json" };

let cluster: Cluster;
let server: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  server = await cluster.start({ WEB_ORIGINS: APP });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

type Options = Parameters<typeof call>[2];

async function ask(method: string, path: string, options: Options = {}): Promise<Answer> {
  return await call(method, `${server.url}${path}`, options);
}

function login(body: string, headers: Record<string, string> = JSON_TYPE): Promise<Answer> {
  return ask("POST", "/v1/auth/login", { body, headers });
}

const credentials = JSON.stringify({ email: "nobody@example.com", password: PASSWORD });

function expectProblem(answer: Answer, status: number, code: string): void {
  const requestId = answer.headers.get("x-request-id") ?? "";
  expect(requestId).toMatch(/^[A-Za-z0-9_-]{8,64}$/);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.body as object).toMatchObject({
    type: `urn:frm-ai:error:${code}`,
    title: expect.stringMatching(/\S/),
    status,
    code,
    detail: expect.stringMatching(/\S/),
    instance: `urn:request:${requestId}`,
    requestId,
  });
  expect(answer.status).toBe(status);
}

/** One request for each status that the edge or a route answers. */
const STATUSES: [number, string, () => Promise<Answer>][] = [
  [200, "", () => ask("GET", "/.well-known/jwks.json")],
  [400, "malformed_json", () => login("{")],
  [401, "unauthenticated", () => ask("GET", "/v1/me")],
  [401, "invalid_credentials", () => login(credentials)],
  [404, "not_found", () => ask("GET", "/v1/nothing")],
  [405, "method_not_allowed", () => ask("DELETE", "/v1/me")],
  [413, "payload_too_large", () => login(`"${"a".repeat(MEGABYTE)}"`)],
  [415, "unsupported_media_type", () => login("a=1", { "content-type": "text/plain" })],
  [421, "misdirected_host", () => ask("GET", "/v1/me", { headers: { host: "evil.example" } })],
  [422, "validation_failed", () => login("{}")],
];

test("every answer has the security headers, and every refusal is a problem with a requestId", async () => {
  for (const [status, code, send] of STATUSES) {
    const answer = await send();
    expect(answer.status).toBe(status);
    if (code !== "") expectProblem(answer, status, code);
    const { headers } = answer;
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("cross-origin-resource-policy")).toBe("same-site");
    expect(headers.get("cache-control")).toBe(
      status === 200 ? "public, max-age=300" : "private, no-store",
    );
    expect(headers.get("x-powered-by")).toBeNull();
    expect(headers.get("www-authenticate")).toBe(status === 401 ? 'Bearer realm="frm-ai"' : null);
    const vary = (headers.get("vary") ?? "").split(",").map((name) => name.trim().toLowerCase());
    for (const name of ["origin", "authorization", "accept-language"])
      expect(vary.filter((other) => other === name)).toHaveLength(1);
  }
});

test("a foreign or a made-up host reaches no route, whatever path it carries", async () => {
  const { port } = new URL(server.url);
  for (const host of ["evil.example", "a", "abc", "localhost.evil.example", "a/b", "a@localhost"])
    for (const path of ["/v1/me", "/foo/v1/me", "/foo/.well-known/jwks.json", "/nothing"])
      expectProblem(await ask("GET", path, { headers: { host } }), 421, "misdirected_host");
  for (const host of ["a", "evil.example"]) {
    const answer = await ask("POST", "/foo/v1/auth/login", {
      body: credentials,
      headers: { host },
    });
    expectProblem(answer, 421, "misdirected_host");
  }
  for (const host of ["localhost", `LOCALHOST:${port}`, `127.0.0.1:${port}`])
    expect((await ask("GET", "/v1/me", { headers: { host } })).status).toBe(401);
});

test("only JSON is taken as a body, however its type is spelt", async () => {
  const refused = [
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "text/plain; application/json",
    "application/json; charset=utf-16",
    "application/json; x=y",
    "application/jsonp",
    "application/problem+json",
  ];
  for (const type of refused)
    expectProblem(
      await login(credentials, { "content-type": type }),
      415,
      "unsupported_media_type",
    );
  const packed = await login(credentials, { ...JSON_TYPE, "content-encoding": "gzip" });
  expectProblem(packed, 415, "unsupported_media_type");
  for (const type of ["Application/JSON", "application/json; charset=UTF-8", "application/json;"])
    expectProblem(await login(credentials, { "content-type": type }), 401, "invalid_credentials");
});

test("a body over 1 MiB is refused by its length and by its bytes", async () => {
  const fits = await login(`"${"a".repeat(MEGABYTE - 2)}"`);
  expectProblem(fits, 422, "validation_failed");
  expectProblem(await login(`"${"a".repeat(MEGABYTE - 1)}"`), 413, "payload_too_large");
  const chunked = async (size: number) => {
    const chunk = new Uint8Array(65_536).fill(0x20);
    let left = size;
    const body = new ReadableStream({
      pull: (controller) => {
        if (left <= 0) return controller.close();
        controller.enqueue(chunk.slice(0, Math.min(left, chunk.byteLength)));
        left -= chunk.byteLength;
      },
    });
    const response = await fetch(`${server.url}/v1/auth/login`, {
      method: "POST",
      headers: JSON_TYPE,
      body,
    });
    const json = (await response.json()) as Answer["body"];
    return { status: response.status, headers: response.headers, body: json };
  };
  expectProblem(await chunked(MEGABYTE), 400, "malformed_json");
  expectProblem(await chunked(MEGABYTE + 1), 413, "payload_too_large");
});

test("a missing path is 404, a wrong method is 405 with Allow, and HEAD is GET without a body", async () => {
  for (const path of ["/", "/v1", "/v1/nothing", "/v1/auth", "/v1//me"])
    expectProblem(await ask("GET", path), 404, "not_found");
  const wrong: [string, string, string][] = [
    ["DELETE", "/v1/me", "GET, HEAD"],
    ["GET", "/v1/auth/login", "POST"],
    ["DELETE", "/v1/me/", "GET, HEAD"],
    ["PATCH", "/v1/conversations", "GET, POST, HEAD"],
    ["GET", `/v1/conversations/${crypto.randomUUID()}/members/x`, "PUT, PATCH, DELETE"],
  ];
  for (const [method, path, allow] of wrong) {
    const answer = await ask(method, path);
    expectProblem(answer, 405, "method_not_allowed");
    expect(answer.headers.get("allow")).toBe(allow);
  }
  for (const [path, status] of [
    ["/health/live", 200],
    ["/.well-known/jwks.json", 200],
    ["/v1/me", 401],
    ["/v1/nothing", 404],
  ] as const) {
    const response = await fetch(`${server.url}${path}`, { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([status, ""]);
    expect(response.headers.get("x-request-id")).not.toBeNull();
  }
});

test("a page of an allowed origin may call and read even refusals", async () => {
  for (const [status, , send] of STATUSES) {
    const plain = await send();
    expect(plain.headers.get("access-control-allow-origin")).toBeNull();
    expect(plain.status).toBe(status);
  }
  const refusals: [number, string, string, Options][] = [
    [200, "GET", "/health/live", {}],
    [401, "GET", "/v1/me", {}],
    [404, "GET", "/v1/nothing", {}],
    [405, "DELETE", "/v1/me", {}],
    [413, "POST", "/v1/auth/login", { body: " ".repeat(MEGABYTE + 1) }],
    [415, "POST", "/v1/auth/login", { body: "a", headers: { "content-type": "text/plain" } }],
    [421, "GET", "/v1/me", { headers: { host: "evil.example" } }],
    [422, "POST", "/v1/auth/login", { body: {} }],
  ];
  for (const [status, method, path, options] of refusals) {
    const headers = { ...options?.headers, origin: APP };
    const answer = await ask(method, path, { ...options, headers });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("access-control-allow-origin")).toBe(APP);
    expect(answer.headers.get("access-control-allow-credentials")).toBe("true");
    expect(answer.headers.get("access-control-expose-headers")).toContain("X-Request-Id");
  }
});

test("no other origin is allowed, however close it looks", async () => {
  const others = [
    "https://evil.example",
    "https://app.example.com.evil.example",
    "https://evil-app.example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com/",
    "https://APP.example.com",
    "app.example.com",
    "null",
    "constructor",
    "__proto__",
    "toString",
    "*",
    server.url,
  ];
  for (const origin of others)
    for (const method of ["GET", "OPTIONS"]) {
      const headers = { origin, "access-control-request-method": "GET" };
      const answer = await ask(method, "/v1/me", { headers });
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    }
});

test("a preflight says what is allowed, and that the answer may be kept", async () => {
  const preflight = await ask("OPTIONS", "/v1/conversations", {
    headers: {
      origin: APP,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type,x-frm-csrf",
    },
  });
  const { headers, status } = preflight;
  expect(status).toBe(204);
  expect(headers.get("access-control-allow-origin")).toBe(APP);
  expect(headers.get("access-control-allow-credentials")).toBe("true");
  expect(headers.get("access-control-max-age")).toBe("7200");
  expect(headers.get("access-control-allow-methods")).toContain("DELETE");
  const allowed = headers.get("access-control-allow-headers")?.toLowerCase() ?? "";
  for (const name of ["authorization", "content-type", "x-frm-csrf"])
    expect(allowed).toContain(name);
  expect(headers.get("vary")?.toLowerCase()).toContain("origin");
});

test("X-Request-Id is taken over only when it is well-formed", async () => {
  for (const id of ["abcdefgh", "A-b_9".repeat(10), "a".repeat(64)]) {
    const answer = await ask("GET", "/v1/nothing", { headers: { "x-request-id": id } });
    expect([answer.headers.get("x-request-id"), answer.body["requestId"]]).toEqual([id, id]);
  }
  for (const id of [
    "short",
    "a".repeat(65),
    "with space1",
    '"><script>',
    "a,b,c,d,e",
    "äöüäöüäö",
  ]) {
    const answer = await ask("GET", "/v1/nothing", { headers: { "x-request-id": id } });
    expectProblem(answer, 404, "not_found");
    expect(answer.headers.get("x-request-id")).not.toBe(id);
  }
});

test("a refusal speaks the first language of Accept-Language that we speak, else English", async () => {
  const [english, vietnamese] = ["Sign in first", "Vui lòng đăng nhập"];
  const wanted: [string, string][] = [
    ["vi", vietnamese],
    ["vi-VN,vi;q=0.9,en;q=0.8", vietnamese],
    ["fr, VI;q=0.5", vietnamese],
    ["en-US,vi", english],
    ["fr", english],
    ["vietnam", english],
    [",".repeat(5_000), english],
  ];
  for (const [language, title] of wanted) {
    const answer = await ask("GET", "/v1/me", { headers: { "accept-language": language } });
    expect(answer.body["title"] as unknown).toBe(title);
  }
});

test("where no web origin is named, no answer speaks of other origins", async () => {
  await using alone = await cluster.start();
  for (const method of ["GET", "OPTIONS"]) {
    const headers = { origin: APP, "access-control-request-method": "GET" };
    const answer = await call(method, `${alone.url}/health/live`, { headers });
    expect(answer.status).toBe(method === "GET" ? 200 : 405);
    const spoken = [...answer.headers.keys()].filter((name) => name.startsWith("access-control"));
    expect(spoken).toEqual([]);
    expect(answer.headers.get("vary")).toContain("Origin");
  }
});
