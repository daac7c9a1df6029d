import fc from "fast-check";

import { calmBody, calmField, hostileBody, MARK, type Vocabulary } from "./fuzz_values.ts";
import type { Listed, Parameter } from "./openapi.ts";

/** Who sends a request; only the first three are let in anywhere that is not open to all. */
const SENDERS = [
  "me",
  "other",
  "staff",
  "nobody",
  "expired",
  "revoked",
  "madeUp",
  "flipped",
] as const;
export type Sender = (typeof SENDERS)[number];

/** A request with placeholders, so that it can be made again against another database. */
export interface Plan {
  operationId: string;
  sender: Sender;
  method: string;
  target: string;
  headers: [name: string, value: string][];
  body?: string;
  /** A body in chunks names no length beforehand. */
  chunked: boolean;
}

export interface Grammar extends Vocabulary {
  operations: Listed[];
  /** Who may do what the operation does. */
  senderOf: (listed: Listed) => Sender;
  /** What a good request of an operation has beside what its document says, such as a handshake. */
  headersOf: (operationId: string) => [string, string][];
  /** Headers that are worth trying, beside those that are worth trying everywhere. */
  headers: [string, string][];
}

type Aspect = "sender" | "method" | "path" | "query" | "headers" | "body";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const OVERLONG = 3_000;
/**
 * Nine times as long when they are percent-encoded, and still within the 16 KiB of a request's head: beyond these Bun
 * answers 431 by itself, before anything of ours is asked.
 */
const MAX_PARAMETER_CHARACTERS = 800;

/** What may stand in the place of a parameter in a path, percent-encoded as it goes out. */
const SEGMENTS = [
  MARK,
  `${MARK}%00`,
  `${MARK}%ff`,
  `%${MARK}`,
  `${MARK}%2f..%2f..%2fetc`,
  `${MARK}%5c`,
  `%252f${MARK}`,
  `${MARK}%27%20or%20%271%27=%271`,
  `%0d%0aset-cookie:%20a=${MARK}`,
  `%F0%9F%92%A9${MARK}`,
  `%ED%A0%80${MARK}`,
  `e%CC%81${MARK}`,
  "__proto__",
  "constructor",
  "-1",
  "00000000-0000-0000-0000-000000000000",
  "*",
  `;${MARK}`,
  MARK.repeat(OVERLONG / MARK.length),
];

const BENT_PATHS: ((path: string) => string)[] = [
  (path) => `${path}/`,
  (path) => `/${path}`,
  (path) => `${path}/${MARK}`,
  (path) => `/.${path}`,
  (path) => `/${MARK}/..${path}`,
  (path) => `/%2e%2e${path}`,
  (path) => path.toUpperCase(),
  (path) => `${path}.json`,
  (path) => `${path};${MARK}`,
  (path) => `${path}%00`,
  (path) => path.replace(/(?<=.)\//, "%2f"),
  (path) => path.replace(/\/[^/]*$/, ""),
];

const BENT_QUERIES = [
  `${MARK}=1`,
  `limit=${MARK}`,
  "limit=0",
  "limit=-1",
  "limit=101",
  "limit=1e1",
  "limit=99999999999999999999",
  "limit=1&limit=2",
  "limit[]=1",
  `cursor=${MARK}.${MARK}`,
  "cursor={{flip.cursor}}",
  "cursor={{other.cursor}}",
  "cursor=",
  `cursor=${"A".repeat(OVERLONG)}`,
  `__proto__[x]=${MARK}`,
  `%ff${MARK}`,
  `%00=${MARK}`,
  "&&&==&",
  "limit=%EF%BC%91",
];

const NOISE: [string, string][] = [
  ["content-type", "text/plain"],
  ["content-type", "application/x-www-form-urlencoded"],
  ["content-type", `multipart/form-data; boundary=${MARK}`],
  ["content-type", "application/json; charset=utf-16"],
  ["content-type", "application/json;charset=UTF-8"],
  ["content-type", `application/${MARK}`],
  ["content-type", ""],
  ["content-encoding", "gzip"],
  ["content-encoding", MARK],
  ["accept", `${MARK}/*`],
  ["accept-language", "vi-VN,vi;q=0.9"],
  ["accept-language", `${MARK};q=${MARK},${"x,".repeat(500)}`],
  ["accept-encoding", "br, zstd"],
  ["x-request-id", `<${MARK}>`],
  ["x-request-id", "a-good-request-id"],
  ["x-request-id", MARK.repeat(100)],
  ["origin", `https://${MARK}.example`],
  ["origin", "null"],
  ["referer", `https://${MARK}.example/`],
  ["sec-fetch-site", "cross-site"],
  ["cookie", `${MARK}=%ff%00; ;;=;`],
  ["cookie", `a=${MARK.repeat(400)}`],
  ["host", `${MARK}.example`],
  ["x-forwarded-for", MARK],
  ["x-forwarded-proto", "https"],
  ["x-forwarded-host", `${MARK}.example`],
  ["forwarded", `for=${MARK};host=${MARK}`],
  ["x-http-method-override", "DELETE"],
  ["idempotency-key", MARK],
  ["if-none-match", "*"],
  ["range", "bytes=0-1"],
  ["user-agent", `${MARK}\u00ff'"`],
  ["authorization", "Bearer"],
  ["authorization", `Basic ${MARK}`],
  ["authorization", `Bearer ${MARK.repeat(600)}`],
  ["authorization", `Bearer e30.${MARK}.${MARK}`],
];

/** Requests for every operation: good ones, and ones of which one to three aspects are bad. */
export function requests(grammar: Grammar): fc.Arbitrary<Plan> {
  const aspects: Aspect[] = ["sender", "method", "path", "query", "headers", "body"];
  return fc.constantFrom(...grammar.operations).chain((listed) =>
    fc.oneof(
      { weight: 4, arbitrary: request(listed, grammar, new Set()) },
      {
        weight: 6,
        arbitrary: fc
          .oneof(
            { weight: 3, arbitrary: fc.constantFrom(...aspects).map((one) => [one]) },
            { weight: 1, arbitrary: fc.subarray(aspects, { minLength: 2, maxLength: 3 }) },
          )
          .chain((bad) => request(listed, grammar, new Set(bad))),
      },
    ),
  );
}

function request(listed: Listed, all: Grammar, bad: Set<Aspect>): fc.Arbitrary<Plan> {
  const { operationId } = listed.operation;
  const grammar = { ...all, words: wordsOf(operationId, all.words) };
  return fc
    .record({
      sender: bad.has("sender")
        ? fc.constantFrom(...SENDERS)
        : fc.constant(grammar.senderOf(listed)),
      method: bad.has("method") ? fc.constantFrom(...METHODS) : fc.constant(listed.method),
      path: pathOf(listed, grammar, bad.has("path")),
      query: queryOf(listed, grammar, bad.has("query")),
      headers: headersOf(listed, grammar, bad.has("headers")),
      body: bodyOf(listed, grammar, bad.has("body")),
      chunked: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
    })
    .map(({ sender, method, path, query, headers, body, chunked }) => ({
      operationId,
      sender,
      method,
      target: query === "" ? path : `${path}?${query}`,
      headers,
      chunked,
      ...(body === undefined ? {} : { body }),
    }));
}

/** What is said of a field of this operation goes before what is said of every field with its name. */
function wordsOf(operationId: string, words: Grammar["words"]): Grammar["words"] {
  const own = Object.entries(words).filter(([name]) => name.startsWith(`${operationId}.`));
  return {
    ...words,
    ...Object.fromEntries(own.map(([name, some]) => [name.slice(operationId.length + 1), some])),
  };
}

function pathOf({ path, operation }: Listed, grammar: Grammar, bad: boolean): fc.Arbitrary<string> {
  const parameters = operation.parameters.filter((one) => one.in === "path");
  const values = parameters.map((one) => {
    const good = textOf(one, grammar).map(encodeLoosely);
    return bad ? fc.oneof(fc.constantFrom(...SEGMENTS), good) : good;
  });
  const filled = fc.tuple(...values).map((texts) => {
    let place = path;
    for (const [at, { name }] of parameters.entries())
      place = place.replace(`{${name}}`, () => texts[at] ?? "");
    return place;
  });
  if (!bad) return filled;
  const bent = fc
    .tuple(filled, fc.constantFrom(...BENT_PATHS))
    .map(([place, bend]) =>
      bend(place).replaceAll(/\{\{[\w.]+\}\}/gi, (word) => word.toLowerCase()),
    );
  return parameters.length > 0 ? fc.oneof(filled, bent) : bent;
}

function queryOf({ operation }: Listed, grammar: Grammar, bad: boolean): fc.Arbitrary<string> {
  const parts = operation.parameters
    .filter((one) => one.in === "query")
    .map((one) =>
      fc.option(
        textOf(one, grammar).map((text) => `${one.name}=${encodeLoosely(text)}`),
        { nil: "", freq: 2 },
      ),
    );
  const good = fc.tuple(...parts).map((texts) => texts.filter((text) => text !== "").join("&"));
  const twice = good.map((query) => `${query}&${query}`);
  return bad ? fc.oneof(fc.constantFrom(...BENT_QUERIES), twice, good) : good;
}

function headersOf(
  { operation }: Listed,
  grammar: Grammar,
  bad: boolean,
): fc.Arbitrary<[string, string][]> {
  const own = grammar.headersOf(operation.operationId);
  if (!bad) return fc.constant(own);
  return fc
    .array(fc.constantFrom(...NOISE, ...grammar.headers), { minLength: 1, maxLength: 4 })
    .map((noise) => [...own, ...noise]);
}

function bodyOf(
  { operation }: Listed,
  grammar: Grammar,
  bad: boolean,
): fc.Arbitrary<string | undefined> {
  const wanted = operation.requestBody;
  const schema = wanted?.content["application/json"]?.schema;
  if (!schema) return bad ? hostileBody({}, grammar) : fc.constant(undefined);
  if (bad) return hostileBody(schema, grammar);
  const good = calmBody(schema, grammar);
  return wanted?.required ? good : fc.option(good, { nil: undefined });
}

/** A parameter is text: of JSON, what stands between the quotes. */
function textOf({ name, schema }: Parameter, grammar: Grammar): fc.Arbitrary<string> {
  return calmField(name, schema, grammar).map((text) =>
    (text.startsWith('"') ? String(JSON.parse(text)) : text).slice(0, MAX_PARAMETER_CHARACTERS),
  );
}

/** Percent-encodes what a client would, and leaves placeholders as they are. */
function encodeLoosely(text: string): string {
  return text
    .split(/(\{\{[\w.]+\}\})/)
    .map((part) => (part.startsWith("{{") ? part : encodeURIComponent(part.toWellFormed())))
    .join("");
}
