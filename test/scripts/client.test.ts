import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { basename, join } from "node:path";

import { dependencies } from "../../package.json";
import { buildClient } from "../../scripts/client.ts";
import { CONSUMER_OPTIONS } from "../../scripts/client/check.ts";
import { compile } from "../../scripts/client/compiler.ts";
import { refuseLeaks } from "../../scripts/client/declarations.ts";

const ROOT = join(import.meta.dir, "../..");
/** Below node_modules, so that the package finds what it depends on. */
const CACHE = join(ROOT, "node_modules/.cache");

/** The compiler reads the whole server, beside whatever else the machine does. */
const BUILD_LIMIT_MS = 60_000;

let folder: string;
let built: Awaited<ReturnType<typeof buildClient>>;

beforeAll(async () => {
  await mkdir(CACHE, { recursive: true });
  folder = await mkdtemp(join(CACHE, "consumer-"));
  built = await buildClient(join(folder, "node_modules/@frm-ai/client"));
}, BUILD_LIMIT_MS);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** What a program that uses the package gets from the compiler, with skipLibCheck as Next.js sets it. */
async function checkConsumer(name: string, source: string): Promise<string[]> {
  const project = join(folder, name);
  await Bun.write(join(project, "consumer.ts"), source);
  const errors = await compile(project, {
    compilerOptions: { ...CONSUMER_OPTIONS, skipLibCheck: true },
    files: ["consumer.ts"],
  });
  return errors.map(({ path, line, message }) => `${path}:${line}: ${message}`);
}

const GOOD = `
import { ClientError, createApi, createSocket, createTicketSource, type Message } from "@frm-ai/client";

const api = createApi("http://localhost:3000", { token: async () => "token" });
const { data, error } = await api.v1.conversations.get({ query: { limit: 20 } });
if (error?.status === 401 && error.value.code === "token_expired") console.log(error.value.requestId);
for (const { id, name } of data?.items ?? []) console.log(id.toUpperCase(), name?.length);
const sent = await api.v1.conversations({ id: "x" }).messages.post({ clientId: "x", body: "y" });
const message: Message | null = sent.data;
if (sent.error) console.log(sent.error.value.code === "not_found", sent.error.value.title);

const socket = createSocket({ url: () => "ws://localhost:3000/v1/ws", ticket: createTicketSource(api) });
const off: () => void = socket.on("event", (event) => {
  if (event.kind === "msg.new") console.log(event.data.body, message?.seq === event.seq);
  else if (event.kind === "member") console.log(event.data.userId);
});
socket.on("ended", ({ verdict }) => console.log(verdict === "signed_out"));
socket.send({ conversationId: "x", body: "y" }).catch((thrown: unknown) => {
  if (thrown instanceof ClientError) console.log(thrown.code === "outbox_full");
});
off();
socket.close();
`;

const BAD = `
import { type ClientError, createApi, createSocket } from "@frm-ai/client";

const api = createApi("http://localhost:3000");
const one = api.v1.conversations({ id: "x" });
// @ts-expect-error a field that does not exist
await one.messages.post({ clientId: "x", text: "y" });
// @ts-expect-error a field that is missing
await one.messages.post({ clientId: "x" });
// @ts-expect-error a body that is missing
await api.v1.auth.login.post();
// @ts-expect-error a path that does not exist
await api.v1.conversation.get();
// @ts-expect-error a method that does not exist
await api.v1.me.delete();
// @ts-expect-error a parameter of another name
api.v1.conversations({ key: "x" });
// @ts-expect-error a query of another type
await api.v1.conversations.get({ query: { limit: "many" } });
const { data, error } = await one.messages.get();
// @ts-expect-error an answer that may be missing
console.log(data.items);
// @ts-expect-error a field of the answer that does not exist
console.log(data?.items[0]?.text);
// @ts-expect-error a code that this call never answers
if (error?.value.code === "invalid_credentials") console.log(error);
// @ts-expect-error a status that this call never answers
if (error?.status === 418) console.log(error);

const socket = createSocket({ url: "ws://localhost:3000", ticket: async () => "ticket" });
// @ts-expect-error an event that does not exist
socket.on("message", () => undefined);
// @ts-expect-error a kind that does not exist
socket.on("event", ({ kind }) => kind === "msg.old");
// @ts-expect-error a field that is missing
await socket.send({ conversationId: "x" });
declare const thrown: ClientError;
// @ts-expect-error a code that does not exist
console.log(thrown.code === "nonsense");
// @ts-expect-error a ticket source that gives no text
createSocket({ url: "ws://localhost:3000", ticket: async () => 1 });
`;

test("the declarations import Eden alone, and nothing of the server, its packages or Bun", () => {
  const text = Object.values(built.declarations).join("\n");
  const imported = [...text.matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map(
    ([, path]) => path ?? "",
  );
  const others = imported.filter((path) => !/^\.\.?\/\w+(?:\/\w+)?\.js$/.test(path));
  expect([...new Set(others)]).toEqual(["@elysiajs/eden/treaty2"]);
  const names = Object.keys(built.declarations).map((name) => basename(name));
  for (const path of imported.filter((name) => name.startsWith(".")))
    expect(names).toContain(basename(path).replace(".js", ".d.ts"));
  const leaks = text.match(/drizzle|typebox|postgres|bun-types|\bBun\b|src\/|<reference/gi);
  expect(leaks).toBeNull();
});

test.each([
  [`import type { App } from "../app.ts";`, "../app.ts"],
  [`export type Tables = import("drizzle-orm").Table;`, "drizzle-orm"],
  [`export { type Server } from "bun";`, "bun"],
  [`export type Routes = { get: { body: any; }; };`, "the type any"],
  [`export type Routes = Record<string, any>;`, "the type any"],
  [`export type { App } from "../app.js";`, "../app.js"],
])("a declaration that would leak is refused: %s", (text, named) => {
  expect(() => refuseLeaks({ "contract.d.ts": text })).toThrow(named);
});

test("comments, and names with any in them, are no leak", () => {
  const text = `/** from "bun": any */\nimport type { Treaty } from "@elysiajs/eden";\ntype A = { anyOf: "x" };`;
  expect(() => refuseLeaks({ "contract.d.ts": text })).not.toThrow();
});

const LEAKS = /drizzle|typebox|postgres|redis|node:|\bBun\b|process\./gi;

test("the JavaScript imports Eden alone and has nothing of the server in it", () => {
  const source = built.javascript["mod.js"] ?? "";
  const { imports, exports } = new Bun.Transpiler({ loader: "js" }).scan(source);
  expect(imports.map(({ path }) => path)).toEqual(["@elysiajs/eden/treaty2"]);
  const doors = ["ClientError", "createApi", "createSocket", "createTicketSource", "openChat"];
  expect(exports).toEqual(expect.arrayContaining(doors));
  expect(source.match(LEAKS)).toBeNull();
});

test("the check of access tokens is a module of its own that imports nothing and needs no secret", async () => {
  const source = built.javascript["access_token.js"] ?? "";
  const { imports, exports } = new Bun.Transpiler({ loader: "js" }).scan(source);
  expect([imports, exports]).toEqual([[], ["createAccessTokenCheck"]]);
  expect(source.match(LEAKS)).toBeNull();
  expect(source).not.toMatch(/Buffer|HMAC|secret/i);
  const good = `
import { createAccessTokenCheck } from "@frm-ai/client/access-token";
const answer = await createAccessTokenCheck({ origin: "http://localhost:3000" })("token");
const at: Date | undefined = answer.verdict === "good" ? answer.expiresAt : undefined;
// @ts-expect-error only a good token says whose it is
console.log(at, answer.userId);
`;
  expect(await checkConsumer("token", good)).toEqual([]);
});

test("the package names what it needs, at the versions that we have", async () => {
  const manifest = (await Bun.file(join(built.folder, "package.json")).json()) as object;
  expect(manifest).toMatchObject({
    name: "@frm-ai/client",
    type: "module",
    sideEffects: false,
    dependencies: {
      "@elysiajs/eden": dependencies["@elysiajs/eden"],
      elysia: dependencies.elysia,
    },
  });
  expect(JSON.stringify(manifest)).not.toContain("peerDependencies");
});

test("a page that wants only the socket gets no Eden", async () => {
  const entry = join(folder, "page.ts");
  await Bun.write(entry, `export { createSocket } from "@frm-ai/client";`);
  const { outputs } = await Bun.build({ entrypoints: [entry], target: "browser", minify: true });
  const text = (await outputs[0]?.text()) ?? "";
  expect(text).toContain("frm.v1");
  expect(text).not.toMatch(/parseDate|FormData|application\/json/);
});

test("a consumer type-checks without types of Bun or Node", async () => {
  expect(await checkConsumer("good", GOOD)).toEqual([]);
});

test("a wrong path, body, field, event or code does not compile", async () => {
  expect(await checkConsumer("bad", BAD)).toEqual([]);
});

test(
  "the types that were written out say what those of the server say",
  async () => {
    const project = join(folder, "same");
    const server = JSON.stringify(join(ROOT, "src/client/mod.ts"));
    await Bun.write(
      join(project, "consumer.ts"),
      `import type * as emitted from "@frm-ai/client";
import type * as source from ${server};
type Same<A, B> = [A, B] extends [B, A] ? true : false;
export const routes: Same<emitted.Routes, source.Routes> = true;
export const codes: Same<emitted.ProblemCode, source.ProblemCode> = true;
export const message: Same<emitted.Message, source.Message> = true;
export const events: Same<emitted.SocketEvents, source.SocketEvents> = true;
export const other: Same<emitted.Message, source.ProblemCode> = false;
`,
    );
    const extended = { extends: join(ROOT, "tsconfig.json"), include: [], files: ["consumer.ts"] };
    const errors = await compile(project, extended);
    expect(errors.filter(({ path }) => path === "consumer.ts")).toEqual([]);
  },
  BUILD_LIMIT_MS,
);

test("an answer whose shape has changed breaks its consumers", async () => {
  const contract = join(built.folder, "contract.d.ts");
  const original = await Bun.file(contract).text();
  const changed = original.replaceAll("nextCursor: string | null", "next: string | null");
  expect(changed).not.toBe(original);
  const source = `import { createApi } from "@frm-ai/client";
const { data } = await createApi("http://localhost").v1.conversations.get();
console.log(data?.page.nextCursor);
`;
  expect(await checkConsumer("before", source)).toEqual([]);
  await Bun.write(contract, changed);
  const errors = await checkConsumer("after", source);
  await Bun.write(contract, original);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain("consumer.ts:3: TS2339: Property 'nextCursor' does not exist");
});
