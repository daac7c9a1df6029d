import { expect, test } from "bun:test";

import { Elysia, t } from "elysia";

import { defineError, NotFound } from "../../../src/platform/errors.ts";
import { access } from "../../../src/platform/http/access.ts";
import { describeApi } from "../../../src/platform/http/openapi.ts";
import { problems } from "../../../src/platform/problems.ts";
import { object, page } from "../../../src/platform/schema.ts";
import { codesOf, type Document, type Operation } from "../../support/openapi.ts";

const TooMany = defineError("test_too_many", 429, { en: "Too many", vi: "Quá nhiều" });
const ABOUT = { info: { title: "Test", version: "1", description: "A test." }, tags: [] };
const Room = object({ id: t.Integer({ examples: [1] }) }, { title: "Room" });

const signIn = access(async () => await Promise.resolve({ userId: "lan", role: "user" as const }));

async function describe(app: { routes: Elysia["routes"] }): Promise<Document> {
  return (await describeApi(app.routes, ABOUT)) as Document;
}

async function describeOne(app: { routes: Elysia["routes"] }): Promise<Operation> {
  const [item] = Object.values((await describe(app)).paths);
  const [operation] = Object.values(item ?? {});
  if (!operation) throw new Error("Cannot describe the route: it is missing");
  return operation;
}

test("what a guard answers is documented for each of its routes, whichever way it is declared", async () => {
  const route = { response: { 200: Room, ...problems(NotFound) } };
  const apps = [
    new Elysia().guard({ response: problems(TooMany) }).get("/rooms", () => ({ id: 1 }), route),
    new Elysia()
      .guard({ schema: "standalone", response: problems(TooMany) })
      .get("/rooms", () => ({ id: 1 }), route),
  ];
  for (const app of apps) {
    const operation = await describeOne(app);
    expect(Object.keys(operation.responses)).toEqual(
      expect.arrayContaining(["200", "404", "429", "500"]),
    );
    expect(codesOf(operation, "429")).toEqual(["test_too_many"]);
    expect(Object.keys(operation.responses["429"]?.headers ?? {})).toContain("Retry-After");
  }
});

test("codes of one status come together, from the route, its guard, and what comes before both", async () => {
  const Quota = defineError("test_quota", 429, { en: "Quota", vi: "Hạn mức" });
  const app = new Elysia()
    .guard({ schema: "standalone", response: problems(TooMany) })
    .get("/rooms", () => ({ id: 1 }), { response: { 200: Room, ...problems(Quota) } });
  expect(codesOf(await describeOne(app), "429")).toEqual(["test_quota", "test_too_many"]);
});

test("a quota that nobody declares is not documented", async () => {
  const app = new Elysia().get("/rooms", () => ({ id: 1 }), { response: Room });
  expect(Object.keys((await describeOne(app)).responses)).not.toContain("429");
});

test("the access macro says who needs the token, in a guard too", async () => {
  const app = new Elysia()
    .use(signIn)
    .get("/open", () => 1, { open: true })
    .guard({ signedIn: true })
    .get("/closed", () => 1);
  const { paths } = await describe(app);
  expect(paths["/open"]?.["get"]?.security).toBeUndefined();
  expect(paths["/closed"]?.["get"]?.security).toEqual([{ bearer: [] }]);
  expect(JSON.stringify(paths)).not.toContain("x-access");
});

test("a body is JSON, closed, and required only if it is", async () => {
  const app = new Elysia()
    .post("/needed", () => ({ id: 1 }), { body: Room, response: Room })
    .post("/spare", () => ({ id: 1 }), { body: t.Optional(Room), response: Room });
  const { paths, components } = await describe(app);
  const content = {
    "application/json": { schema: { $ref: "#/components/schemas/Room" }, example: { id: 1 } },
  };
  expect(paths["/needed"]?.["post"]?.requestBody).toEqual({ required: true, content });
  expect(paths["/spare"]?.["post"]?.requestBody).toEqual({ required: false, content });
  expect(paths["/spare"]?.["post"]?.responses["200"]?.content).toEqual(content);
  expect(components.schemas["Room"]).toEqual({
    title: "Room",
    type: "object",
    properties: { id: { type: "integer", examples: [1] } },
    required: ["id"],
    additionalProperties: false,
  });
});

test("parameters keep their words and limits, and stand in braces", async () => {
  const app = new Elysia().get("/rooms/:id", () => ({ id: 1 }), {
    params: object({ id: t.Integer({ description: "The room." }) }),
    query: object({ size: t.Optional(t.Integer({ minimum: 1, default: 2 })) }),
    response: Room,
  });
  const { paths } = await describe(app);
  expect(paths["/rooms/{id}"]?.["get"]?.parameters).toEqual([
    {
      name: "id",
      in: "path",
      required: true,
      description: "The room.",
      schema: { type: "integer" },
    },
    {
      name: "size",
      in: "query",
      required: false,
      schema: { type: "integer", minimum: 1, default: 2 },
    },
  ] as never);
});

test("an answer without a body has no content, and words of the route are kept", async () => {
  const app = new Elysia().delete("/rooms", () => undefined, {
    detail: { responses: { 204: { description: "Gone." } } },
  });
  const { "204": gone } = (await describeOne(app)).responses;
  expect(gone?.description).toBe("Gone.");
  expect(gone?.content).toBeUndefined();
  expect(Object.keys(gone?.headers ?? {})).toEqual(["X-Request-Id"]);
});

test("an example of the route's own takes the place of ours, and the schema stays", async () => {
  const own = { example: { id: 7 } };
  const app = new Elysia().get("/rooms", () => ({ id: 1 }), {
    response: Room,
    detail: {
      responses: { 200: { description: "A room.", content: { "application/json": own } } },
    },
  });
  expect((await describeOne(app)).responses["200"]).toMatchObject({
    description: "A room.",
    content: { "application/json": { ...own, schema: { $ref: "#/components/schemas/Room" } } },
  });
});

test("an answer that is nothing has no content, and a status may carry an answer and a problem", async () => {
  const app = new Elysia()
    .guard({ schema: "standalone", response: problems(TooMany) })
    .delete("/rooms", () => undefined, { response: { 204: t.Void(), 429: Room } });
  const { responses } = await describeOne(app);
  expect(responses["204"]?.content).toBeUndefined();
  expect(Object.keys(responses["429"]?.content ?? {})).toEqual([
    "application/json",
    "application/problem+json",
  ]);
});

test("hidden routes and preflights are not documented", async () => {
  const app = new Elysia()
    .options("/rooms", () => 1)
    .get("/page", () => 1, { detail: { hide: true } })
    .get("/rooms", () => 1);
  const { paths } = await describe(app);
  expect(Object.entries(paths).map(([path, item]) => [path, Object.keys(item)])).toEqual([
    ["/rooms", ["get"]],
  ]);
});

test("one name never stands for two schemas", async () => {
  const app = new Elysia()
    .get("/one", () => ({ id: 1 }), { response: Room })
    .get("/many", () => ({ items: [], page: { nextCursor: null, limit: 1 } }), {
      response: page(Room, { title: "Room" }),
    });
  expect(await describe(app).catch(String)).toBe(
    'Error: Cannot name the schema "Room": another one has this name',
  );
});
