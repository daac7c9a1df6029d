import { afterAll, beforeAll, expect, test } from "bun:test";

import { call } from "../../support/client.ts";
import { ROUTES } from "../../support/hostile.ts";
import { type Cluster, openCluster } from "../../support/instance.ts";
import { checkJson, listSchemas } from "../../support/json_schema.ts";
import {
  checkOpenApi,
  codesOf,
  type Document,
  type Listed,
  listMedia,
  listOperations,
  type Operation,
} from "../../support/openapi.ts";

/** Pages for people, and what they are made of, are no part of the API. */
const PAGES = /^\/(?:swagger|dev\/mailbox)(?:\/|$)/;

let cluster: Cluster;
let document: Document;
let operations: Listed[];

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  const server = await cluster.start();
  document = (await call("GET", `${server.url}/swagger/json`)).body as unknown as Document;
  operations = listOperations(document);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function operationOf(operationId: string): Operation {
  const found = operations.find(({ operation }) => operation.operationId === operationId);
  if (!found) throw new Error(`Cannot find "${operationId}": it is not documented`);
  return found.operation;
}

function headersOf(operationId: string, status: string): string[] {
  return Object.keys(operationOf(operationId).responses[status]?.headers ?? {});
}

test("the document is one of OpenAPI 3.1, and a broken one is not", () => {
  expect(document.openapi).toBe("3.1.0");
  expect(checkOpenApi(document)).toEqual([]);
  const broken = structuredClone(document) as unknown as Record<string, never>;
  Object.assign(broken["info"] ?? {}, { titel: "FRM-AI" });
  Object.assign(broken["paths"]?.["/v1/me"]?.["get"] ?? {}, {
    operationId: "get_me",
    tags: ["me"],
  });
  Object.assign(broken["components"]?.["schemas"]?.["Message"] ?? {}, { $ref: "#/nowhere" });
  expect(checkOpenApi(broken as unknown as Document)).toEqual([
    "/info/titel is no field of Info",
    "/components/schemas/Message refers to nothing",
    "/components/schemas/Message has more than its reference",
    "get_me has an odd operationId",
    "get_me has a tag without a description",
  ]);
});

test("every route that is served is documented, and nothing else is", () => {
  const served = ROUTES.filter(({ path }) => !PAGES.test(path)).map(
    ({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`,
  );
  expect(operations.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(
    served.toSorted(),
  );
});

test("no two operations share an operationId, and none has a mark of ours", () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(JSON.stringify(document)).not.toContain("x-access");
});

test("operations that need a session ask for the bearer token and may answer 401; open ones ask for nothing", () => {
  for (const { method, path, operation } of operations) {
    const route = ROUTES.find(
      (one) => one.method === method && one.path.replaceAll(/:(\w+)/g, "{$1}") === path,
    );
    // Signing out takes whatever the caller has.
    const optional = operation.operationId === "logout" ? [{}, { bearer: [] }] : undefined;
    expect([path, operation.security]).toEqual([
      path,
      route?.signedIn ? [{ bearer: [] }] : optional,
    ]);
    if (route?.signedIn) expect(Object.keys(operation.responses)).toContain("401");
  }
  expect(document.components.securitySchemes["bearer"]).toMatchObject({
    type: "http",
    scheme: "bearer",
  });
});

test("bodies are JSON, errors are problems, and nothing is a form or plain text", () => {
  const bodies = operations.flatMap(listMedia);
  expect(bodies.length).toBeGreaterThan(50);
  for (const { status, type, media } of bodies) {
    const isProblem = JSON.stringify(media.schema).includes("#/components/schemas/Problem");
    expect([status, type]).toEqual([
      status,
      isProblem ? "application/problem+json" : "application/json",
    ]);
    if (isProblem) expect(Number(status)).toBeGreaterThanOrEqual(400);
  }
});

test("each problem lists its codes, and has an example for each", () => {
  for (const { operation } of operations)
    for (const [status, response] of Object.entries(operation.responses)) {
      const media = response.content?.["application/problem+json"];
      if (!media) continue;
      const codes = codesOf(operation, status);
      expect(codes.length).toBeGreaterThan(0);
      expect(Object.keys(media.examples ?? {}).toSorted()).toEqual(codes);
      const [example] = Object.values(media.examples ?? {});
      expect(example?.value).toMatchObject({ status: Number(status) });
    }
  const conflicts = codesOf(operationOf("addMember"), "409");
  expect(conflicts).toEqual(["group_full", "not_a_group"]);
});

test("every example is valid, and every JSON body has one", () => {
  const { schemas } = document.components;
  const parameters = operations.flatMap(({ operation }) =>
    operation.parameters.map(({ schema }) => schema),
  );
  const bodies = operations.flatMap(listMedia);
  const all = [
    ...Object.values(schemas),
    ...parameters,
    ...bodies.map(({ media }) => media.schema),
  ];
  for (const schema of all.flatMap((one) => listSchemas(one, schemas)))
    for (const example of schema.examples ?? [])
      expect(checkJson(schema, example, schemas)).toEqual([]);
  for (const { media } of bodies) {
    const examples = media.examples
      ? Object.values(media.examples).map(({ value }) => value)
      : [media.example];
    for (const example of examples) {
      expect(example).toBeDefined();
      expect(checkJson(media.schema, example, schemas)).toEqual([]);
    }
  }
});

test("what we take and what we answer is closed: a field that is not documented is not there", () => {
  const { schemas } = document.components;
  const bodies = operations.flatMap(listMedia).filter(({ type }) => type === "application/json");
  const objects = bodies
    .flatMap(({ media }) => listSchemas(media.schema, schemas))
    .filter(({ type }) => type === "object");
  expect(objects.length).toBeGreaterThan(10);
  for (const schema of objects) expect(schema["additionalProperties"]).toBe(false);
});

test("whole numbers are integers, and never text", () => {
  const limit = operationOf("listMessages").parameters.find(({ name }) => name === "limit");
  expect(limit).toMatchObject({
    in: "query",
    required: false,
    schema: { type: "integer", minimum: 1, maximum: 100, default: 20 },
  });
  expect(document.components.schemas).toMatchObject({
    Message: { properties: { seq: { type: "integer" } } },
    Conversation: { properties: { lastSeq: { type: "integer" } } },
    SignedIn: { properties: { expiresIn: { type: "integer" } } },
    Problem: { properties: { status: { type: "integer" } } },
  });
  const text = JSON.stringify(document);
  expect([text.includes('"number"'), text.includes('"format":"integer"')]).toEqual([false, false]);
});

test("headers are documented where they are sent", () => {
  expect(headersOf("register", "201")).toEqual(["X-Request-Id", "Set-Cookie", "Location"]);
  expect(headersOf("getMe", "401")).toContain("WWW-Authenticate");
  expect(headersOf("getMe", "503")).toContain("Retry-After");
  expect(headersOf("getMe", "200")).toEqual(["X-Request-Id"]);
  const { parameters, requestBody } = operationOf("refreshSession");
  expect(parameters.map(({ name }) => name)).toEqual(["X-FRM-CSRF"]);
  expect(requestBody?.required).toBe(false);
});
