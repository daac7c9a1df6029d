import { expect, test } from "bun:test";

import { openControls } from "../../scripts/security/sqlmap/control.ts";
import { type Door, openDoor, sender, type Subject } from "../../scripts/security/sqlmap/door.ts";
import {
  addPlace,
  listDocumented,
  listPlaces,
  mapCall,
  sampleOf,
} from "../../scripts/security/sqlmap/places.ts";
import { judge } from "../../scripts/security/sqlmap/report.ts";
import { isSuccess, listSubjects, NotExercised } from "../../scripts/security/sqlmap/subjects.ts";
import { readVerdicts } from "../../scripts/security/sqlmap/tool.ts";
import type { Call } from "../support/contract.ts";
import { openTestDatabase } from "../support/database.ts";
import type { Listed } from "../support/openapi.ts";

const CALL: Call = {
  params: { id: "7" },
  query: "?limit=20&scope=a%20b",
  body: { name: "Lan", count: 3, members: ["x"], deep: { on: true } },
  headers: { "user-agent": "Firefox", cookie: "a=1" },
};
const PAYLOAD = "' OR 1=1 --";

test("every place of a call is known, and text comes to stand in each of them unharmed", () => {
  const places = listPlaces(CALL, new Set(["user-agent"]));
  expect(places).toEqual([
    "path id",
    "query limit",
    "query scope",
    "body /name",
    "body /count",
    "body /members/0",
    "body /deep/on",
    "headers",
    "header cookie",
  ]);
  const filled = mapCall(CALL, (_, usual) => usual + PAYLOAD);
  expect(filled).toEqual({
    params: { id: `7${PAYLOAD}` },
    query: `?limit=${encodeURIComponent(`20${PAYLOAD}`)}&scope=${encodeURIComponent(`a b${PAYLOAD}`)}`,
    body: {
      name: `Lan${PAYLOAD}`,
      count: `3${PAYLOAD}`,
      members: [`x${PAYLOAD}`],
      deep: { on: `true${PAYLOAD}` },
    },
    headers: { "user-agent": `Firefox${PAYLOAD}`, cookie: `a=1${PAYLOAD}` },
  });
  expect(mapCall(CALL, (_, usual) => usual).body).toEqual(CALL.body);
  expect(mapCall({ body: { count: 3 } }, () => "41").body).toEqual({ count: 41 });
});

test("every place that a document names is known, and gets a value that its schema allows", () => {
  const listed = {
    operation: {
      parameters: [{ name: "X-Key", in: "header", schema: {} }],
      requestBody: {
        content: {
          "application/json": {
            schema: {
              anyOf: [{ $ref: "#/components/schemas/A" }, { $ref: "#/components/schemas/B" }],
            },
          },
        },
      },
    },
  } as unknown as Listed;
  const field = (properties: object) => ({ type: "object", properties }) as never;
  const found = listDocumented(listed, {
    A: field({ kind: { const: "a" }, ids: { type: "array", items: { type: "string" } } }),
    B: field({ kind: { const: "b" }, size: { type: "integer", minimum: 5 } }),
  });
  expect(found.map(({ place }) => place)).toEqual([
    "header x-key",
    "body /kind",
    "body /ids/0",
    "body /size",
  ]);
  expect(found.map(({ schema }) => sampleOf(schema)).slice(1)).toEqual(["a", "a", 5]);
  expect(addPlace(CALL, "query limit", 1)?.query).toBe("?limit=1&scope=a+b");
  expect(addPlace({}, "body /code", "x")).toEqual({ body: { code: "x" } });
  expect(addPlace({}, "body /ids/0", "x")).toBeUndefined();
});

/** Behind the door of a subject that answers what it got, with an id that is another each time. */
async function knock(
  subject: Partial<Subject>,
  form: string,
): Promise<{ text: string; door: Door }> {
  await using door = openDoor({
    make: () => ({ query: `?id=${crypto.randomUUID()}&name=Lan` }),
    send: async ({ query }) =>
      Promise.resolve({ outcome: "200", text: query ?? "", raw: query ?? "" }),
    places: ["query id", "query name"],
    shared: new Set(),
    ...subject,
  });
  const answer = await fetch(door.url, { method: "POST", body: form });
  return { text: await answer.text(), door };
}

test("around each text stands an ordinary call, made anew", async () => {
  const first = await knock({}, `p0=usual&p1=usual${encodeURIComponent(PAYLOAD)}`);
  const second = await knock({}, `p0=usual&p1=${encodeURIComponent(PAYLOAD)}`);
  expect(first.text).toEndWith(`name=${encodeURIComponent(`Lan${PAYLOAD}`)}`);
  expect(second.text).toEndWith(`name=${encodeURIComponent(PAYLOAD)}`);
  expect(first.text.slice(0, 40)).not.toBe(second.text.slice(0, 40));
  expect(first.door.ordinary.size).toBe(0);
  expect(first.door.form).toBe("p0=usual&p1=usual");
});

test("ordinary calls that are refused are counted, and so is what no input may bring about", async () => {
  const refused = await knock(
    { send: async () => Promise.resolve({ outcome: "404 not_found", text: "", raw: "" }) },
    "p0=usual&p1=usual",
  );
  expect([...refused.door.ordinary]).toEqual([["404 not_found", 1]]);
  expect(refused.door.failures).toEqual([]);
  const broken = await knock(
    { send: async () => Promise.resolve({ outcome: "500 internal", text: "", raw: "" }) },
    "p0=usual&p1=x",
  );
  expect(broken.door.failures).toEqual([expect.stringContaining("500 internal")]);
  const silent = await knock({ send: async () => Promise.reject(new Error("gone")) }, "p0=1&p1=2");
  expect(silent.door.failures).toEqual([expect.stringContaining("no answer")]);
});

const OUTPUT = `
[10:00:00] [WARNING] POST parameter 'p0' does not seem to be injectable
sqlmap identified the following injection point(s) with a total of 130 HTTP(s) requests:
---
Parameter: p1 (POST)
    Type: boolean-based blind
    Title: AND boolean-based blind - WHERE or HAVING clause
    Payload: p0=usual&p1=usual' AND 1=1-- a

    Type: stacked queries
    Title: PostgreSQL > 8.1 stacked queries (comment)
    Payload: p0=usual&p1=usual';SELECT PG_SLEEP(2)--
---
`;

test("what the tool says of each parameter is read, and what it does not say is not taken for good", () => {
  const verdicts = readVerdicts(OUTPUT);
  expect([...verdicts]).toEqual([
    ["p0", []],
    ["p1", ["boolean-based blind", "stacked queries"]],
  ]);
});

const QUIET = { refused: [], failures: [] };

test.each([
  [{ verdicts: new Map([["path id", []]]) }, ""],
  [{ verdicts: new Map([["path id", ["error-based"]]]) }, "path id is injectable: error-based"],
  [{ verdicts: new Map([["path id", "unfinished" as const]]) }, "path id was not tried to the end"],
  [{ verdicts: new Map(), refused: [["404", 3]] as [string, number][] }, "3 ordinary calls"],
  [{ verdicts: new Map(), failures: ["500 to x"] }, "500 to x"],
  [
    { verdicts: new Map([["body /name", []]]), hole: { place: "body /name", kind: "error-based" } },
    "was not found",
  ],
  [
    {
      verdicts: new Map([["body /name", ["error-based"]]]),
      hole: { place: "body /name", kind: "error-based" },
    },
    "",
  ],
])("the verdict on %o is %j", (findings, problem) => {
  const wrong = judge({ ...QUIET, ...findings }).join("\n");
  if (problem === "") expect(wrong).toBe("");
  else expect(wrong).toContain(problem);
});

test("an operation whose ordinary call is refused, or misses a documented place, is not passed over", async () => {
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) => new Response("{}", { status: url.includes("size=1") ? 200 : 404 }),
  });
  const size = { name: "size", in: "query", schema: { type: "integer", minimum: 2 } };
  const operation = { operationId: "look", parameters: [size], responses: { "200": {} } };
  const listed = { method: "GET", path: "/look", operation } as unknown as Listed;
  const document = { components: { schemas: {}, headers: {}, securitySchemes: {} } };
  const base = server.url.origin;
  const subjects = async (call: Call, one = listed) =>
    await listSubjects({ base, listed: one, document }, { it: () => call }).catch(
      (error: unknown) => error,
    );
  expect(await subjects({})).toBeInstanceOf(NotExercised);
  const more = { ...size, name: "page" };
  const both = {
    ...listed,
    operation: { ...operation, parameters: [size, more] },
  } as unknown as Listed;
  const found = (await subjects({ query: "?size=1" }, both)) as [string, Subject][];
  expect(found.map(([, { places }]) => places)).toEqual([
    ["query size", "headers"],
    ["query page"],
  ]);
  const cursor = {
    ...listed,
    operation: { ...operation, parameters: [{ ...size, name: "cursor" }] },
  };
  expect(await subjects({ query: "?size=1" }, cursor as unknown as Listed)).toBeInstanceOf(
    NotExercised,
  );
});

test("a cursor is one of the list as it is filtered, and not of another", async () => {
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) => {
      const { searchParams } = new URL(url);
      const kind = searchParams.get("kind") ?? "any";
      const isForeign = (searchParams.get("cursor") ?? kind) !== kind;
      return Response.json({ page: { nextCursor: kind } }, { status: isForeign ? 400 : 200 });
    },
  });
  // The cursor is documented first, and still found last.
  const parameters = [
    { name: "cursor", in: "query", schema: { type: "string" } },
    { name: "kind", in: "query", schema: { const: "group" } },
  ];
  const operation = { operationId: "list", parameters, responses: { "200": {} } };
  const listed = { method: "GET", path: "/list", operation } as unknown as Listed;
  const document = { components: { schemas: {}, headers: {}, securitySchemes: {} } };
  const base = server.url.origin;
  const subjects = await listSubjects({ base, listed, document }, { it: () => ({}) });
  const rest = subjects.find(([name]) => name === "with what is optional")?.[1];
  expect(rest?.places).toEqual(["query kind", "query cursor"]);
  expect((await rest?.make())?.query).toBe("?kind=group&cursor=group");
});

test.each([
  ["ok", true],
  ["ack", true],
  ["sync.ok", true],
  ["refused", false],
  ["not ok", false],
  ["closed with 4400", false],
])("a frame that is answered by %j was let in: %p", (outcome, isLetIn) => {
  const operation = { operationId: "SOCKET x", parameters: [], responses: {} };
  const listed = { method: "SOCKET", path: "/v1/ws", operation } as unknown as Listed;
  expect(isSuccess(outcome, listed)).toBe(isLetIn);
});

test("each hole that is made on purpose lets in what it is for, and stands beside the product's tables", async () => {
  await using database = await openTestDatabase();
  await using holes = await openControls(database.sql);
  const texts: Record<string, string[]> = {};
  for (const { listed, make } of holes.controls) {
    const name = listed.path.split("/")[1] ?? "";
    const ask = async (payload: string) => {
      const call = { headers: { "user-agent": "VN30" }, ...make() };
      const filled = mapCall(call, (_, usual) => (usual === "VN30" ? usual + payload : usual));
      return (await sender(holes.url, listed)(filled)).raw;
    };
    texts[name] = [
      await ask("' and '1'='1"),
      await ask("' and '1'='2"),
      await ask("' and 1/0=1--"),
    ];
  }
  const { boolean = [], error = [], pause = [], stacked = [] } = texts;
  expect(boolean[0]).not.toBe(boolean[1]);
  expect(boolean[1]).toBe(boolean[2]);
  expect(error[2]).toContain("division by zero");
  for (const quiet of [pause, stacked]) expect(new Set(quiet).size).toBe(1);
  const ours =
    await database.sql`select 1 from pg_tables where schemaname = 'app' and tablename = 'control'`;
  expect(ours).toHaveLength(0);
});
