import { Elysia } from "elysia";

import { DOCUMENT, MAX_LIMIT, MAX_NAME, MAX_SIZE } from "./broken_document.ts";
import { flip } from "./flip.ts";
import type { Target } from "./fuzz.ts";
import type { Fault } from "./fuzz_oracle.ts";
import { listOperations } from "./openapi.ts";

/** Everything that can be wrong with the server, and what the fuzzer has to call it. */
export const BUGS = {
  "fails on a combining letter": "server error",
  "fails on a field called __proto__": "server error",
  "fails on a parameter that comes twice": "server error",
  "fails on a number that is too large": "server error",
  "repeats what it refuses": "echo",
  "answers with a status of its own": "undocumented",
  "answers a field more": "undocumented",
  "forgets a header when nothing is found": "header",
  "quotes its SQL": "insides",
  "refuses in plain text": "no problem",
  "forgets to name the request": "no request id",
  "shows everybody's things": "secret",
  "looks at half of the token": "let in",
  "forgets to ask for a token": "let in",
  "writes before it checks": "changed",
  "writes tokens into its log": "log",
} satisfies Record<string, Fault>;
export type Bug = keyof typeof BUGS;

/** From one flipped bit to the next, so that few requests reach all parts of a token. */
const STRIDE = 37;
const HEADERS = { "x-content-type-options": "nosniff", "cache-control": "no-store" };

class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, detail = code) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

interface Item {
  id: string;
  owner: string;
  name: string;
  size: number;
}

interface State {
  items: Map<string, Item>;
  writes: number;
  log: string[];
  tokens: { me: string; other: string };
}

/** A small server that does nothing wrong but for the one bug that it is given. */
export function openBroken(bug?: Bug): Target & AsyncDisposable {
  const make = () => Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString("base64url");
  const tokens = { me: make(), other: make() };
  const state: State = { items: new Map(), writes: 0, log: [], tokens };
  const mine = addItem(state, "me", { name: "Mine", size: 1 });
  const secret = crypto.randomUUID();
  const theirs = addItem(state, "other", { name: secret, size: 1 });
  const app = serve(state, (name) => name === bug).listen({ port: 0, hostname: "127.0.0.1" });
  const operations = listOperations(DOCUMENT);
  let turn = 0;
  const values: Record<string, string> = { "mine.id": mine.id, "theirs.id": theirs.id };
  const known: Partial<Record<string, () => string>> = {
    me: () => tokens.me,
    other: () => tokens.other,
    madeUp: () => "made-up",
    flipped: () => flip(tokens.me, (turn += STRIDE)),
  };
  return {
    url: `http://127.0.0.1:${app.server?.port ?? 0}`,
    grammar: {
      operations,
      schemas: {},
      words: {},
      ids: ["{{mine.id}}", "{{mine.id}}", "{{theirs.id}}"],
      headers: [],
      headersOf: () => [],
      senderOf: () => "me",
    },
    rules: {
      document: DOCUMENT,
      operations,
      headers: { "x-content-type-options": /^nosniff$/, "cache-control": /no-store/ },
    },
    resolve: (name) => values[name] ?? name,
    tokenOf: (sender) => known[sender]?.(),
    secrets: () => ({
      others: [secret],
      never: [tokens.me],
      credentialsOfOthers: [tokens.other],
    }),
    follow: () => Promise.resolve(),
    snapshot: () => Promise.resolve({ items: `${state.items.size} ${state.writes}` }),
    effectsOf: () => [],
    log: () => state.log.join("\n"),
    [Symbol.asyncDispose]: async () => void (await app.stop(true)),
  };
}

function addItem(state: State, owner: string, { name, size }: Pick<Item, "name" | "size">): Item {
  const item = { id: crypto.randomUUID(), owner, name, size };
  state.items.set(item.id, item);
  return item;
}

type Has = (bug: Bug) => boolean;

function serve(state: State, has: Has) {
  return new Elysia()
    .onRequest(({ set }) => {
      Object.assign(set.headers, HEADERS, { "x-request-id": crypto.randomUUID() });
    })
    .onError(({ error, code, set }) => {
      const refusal =
        error instanceof Refusal
          ? error
          : new Refusal(code === "NOT_FOUND" ? 404 : 500, code === "NOT_FOUND" ? "none" : "failed");
      if (has("forgets a header when nothing is found") && refusal.status === 404)
        delete set.headers["x-content-type-options"];
      const plain = has("refuses in plain text") && refusal.code === "malformed";
      set.headers["content-type"] = plain ? "text/plain" : "application/problem+json";
      set.status = refusal.status;
      const requestId = has("forgets to name the request") ? "" : set.headers["x-request-id"];
      const { status, message: detail } = refusal;
      const body = { status, code: refusal.code, detail, requestId };
      return new Response(JSON.stringify(body), { status });
    })
    .get("/v1/health", () => ({ ok: true }))
    .get("/v1/items", ({ request, query }) => {
      const owner = authenticate(request, { state, has, open: has("forgets to ask for a token") });
      const limit = readLimit(new URL(request.url).searchParams, { query, has });
      return {
        items: [...state.items.values()]
          .filter((item) => item.owner === owner)
          .slice(0, limit)
          .map(show(has)),
      };
    })
    .get("/v1/items/:id", ({ request, params }) => {
      const owner = authenticate(request, { state, has });
      const item = state.items.get(params.id);
      const theirs = item?.owner !== owner && !has("shows everybody's things");
      if (!item || theirs) throw new Refusal(404, "none");
      return show(has)(item);
    })
    .post(
      "/v1/items",
      ({ request, body, set }) => {
        const owner = authenticate(request, { state, has });
        if (has("writes before it checks")) state.writes += 1;
        const { name, size = 0 } = readItem(body as string, has);
        set.status = 201;
        return show(has)(addItem(state, owner, { name, size }));
      },
      { parse: async ({ request }) => await request.text() },
    );
}

function show(has: Has) {
  return ({ id, name, size, owner }: Item): object => ({
    id,
    name,
    size,
    ...(has("answers a field more") && size > 1 ? { owner } : {}),
  });
}

function authenticate(
  request: Request,
  { state, has, open = false }: { state: State; has: Has; open?: boolean },
): string {
  const header = request.headers.get("authorization") ?? "";
  const token = /^Bearer ([\w-]+)$/.exec(header)?.[1] ?? "";
  const { me, other } = state.tokens;
  if (token === other) return "other";
  const half = has("looks at half of the token") && token.slice(0, 16) === me.slice(0, 16);
  if (token === me || half || open) return "me";
  if (has("writes tokens into its log"))
    state.log.push(`refused ${request.method} ${header} ${me}`);
  throw new Refusal(401, "unauthenticated");
}

function readLimit(
  given: URLSearchParams,
  { query, has }: { query: Record<string, unknown>; has: Has },
): number {
  const texts = given.getAll("limit");
  if (texts.length > 1 && has("fails on a parameter that comes twice"))
    return Number((query["missing"] as string).length);
  const limit = /^\d{1,9}$/.test(texts[0] ?? "20") ? Number(texts[0] ?? "20") : -1;
  if (limit === 0 && has("answers with a status of its own")) throw new Refusal(418, "teapot");
  if (texts.length > 1 || limit < 1 || limit > MAX_LIMIT) throw new Refusal(422, "invalid");
  return limit;
}

function readItem(text: string, has: Has): { name: string; size?: number } {
  const value = parse(text);
  const { name, size, ...rest } = value;
  const fails: [Bug, boolean][] = [
    ["fails on a field called __proto__", text.includes('"__proto__"')],
    ["fails on a combining letter", /\p{M}/u.test(String(name))],
    ["fails on a number that is too large", Number(size) > 2 ** 31],
  ];
  if (fails.some(([bug, met]) => met && has(bug))) throw new Error("Cannot go on: a seeded bug");
  if (has("quotes its SQL") && String(name).includes("'"))
    throw new Refusal(422, "invalid", `syntax error at or near "'"`);
  if (isName(name) && isSize(size) && Object.keys(rest).length === 0)
    return { name, ...(size === undefined ? {} : { size }) };
  const detail = has("repeats what it refuses") ? `Cannot take ${text}` : "invalid";
  throw new Refusal(422, "invalid", detail);
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return { ...value };
  } catch {
    throw new Refusal(400, "malformed");
  }
  throw new Refusal(422, "invalid");
}

function isName(name: unknown): name is string {
  return typeof name === "string" && name.length > 0 && name.length <= MAX_NAME;
}

function isSize(size: unknown): size is number | undefined {
  if (size === undefined) return true;
  return typeof size === "number" && Number.isInteger(size) && size >= 0 && size <= MAX_SIZE;
}
