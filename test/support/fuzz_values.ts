import fc from "fast-check";

import { resolveSchema, type Schema, type Schemas } from "./json_schema.ts";

/** Stands in hostile text; an error that has it repeats what it was sent. */
export const MARK = "m4rk3r";

const MAX_DEPTH = 8;
const MAX_ITEMS = 3;
const DEEP = 5_000;
const LONG = 20_000;
/** One part in so many of a hostile body is not what its schema wants. */
const CALM = 4;

/** What values are made from: the document's schemas, and by field name what stands for something real. */
export interface Vocabulary {
  schemas: Schemas;
  /** Placeholders such as `{{me.email}}`, which are filled in when the request is sent. */
  words: Record<string, string[]>;
  /** Placeholders for ids of every kind, so that one thing's id turns up in the place of another's. */
  ids: string[];
}

/** JSON as text, because much that is hostile has no value in JavaScript. */
type Text = fc.Arbitrary<string>;

/** Text of every kind that has ever hurt a server, as JSON. */
const HOSTILE = [
  `"${MARK}\\u0000"`,
  `"${MARK}\\ud800"`,
  `"\\udc00${MARK}"`,
  `"${MARK}e\\u0301"`,
  `"${MARK}{{raw.ff}}"`,
  `"${MARK}\\u202e\\u2028\\ufeff"`,
  `"${MARK}👩‍👩‍👧‍👦"`,
  `"${MARK}Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢"`,
  `"İıſßẞΣς${MARK}"`,
  `"${MARK}' or 1=1; select pg_sleep(9) --"`,
  `"${MARK}\\\\\\"; drop table users"`,
  `"<script>${MARK}</script>"`,
  `"\${${MARK}}{{${MARK}}}%s%n"`,
  `"../../${MARK}"`,
  `"${MARK}\\r\\nset-cookie: a=b"`,
  `"${MARK.repeat(LONG / MARK.length)}"`,
  `"   "`,
  `""`,
  "null",
  "true",
  "-1",
  "0",
  "-0",
  "1.5",
  "1e-7",
  "1e400",
  "-1e400",
  "2147483648",
  "9007199254740993",
  "18446744073709551616",
  "123456789012345678901234567890",
  "[]",
  "{}",
  `["${MARK}"]`,
  `{"$ne":"${MARK}"}`,
  `{"__proto__":{"role":"${MARK}"}}`,
  `{"constructor":{"prototype":{"${MARK}":1}}}`,
  `{"toJSON":"${MARK}","length":-1,"then":1}`,
];

/** What is not the JSON of an object at all. */
const BROKEN = [
  "",
  " ",
  "{",
  `{"${MARK}`,
  `{"a":"${MARK}",}`,
  `{a:"${MARK}"}`,
  `\ufeff{}`,
  "NaN",
  "undefined",
  `"${MARK}"`,
  `{} {"${MARK}":1}`,
  "[".repeat(DEEP) + "]".repeat(DEEP),
  `{"a":`.repeat(DEEP) + "1" + "}".repeat(DEEP),
  `[${"1,".repeat(LONG)}1]`,
];

const strange: Text = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: "binary", maxLength: 30 }).map((text) => JSON.stringify(`${MARK}${text}`)),
  fc.integer().map(String),
  fc.double().map(String),
);

/** Bodies that the schema allows. */
export function calmBody(schema: Schema, vocabulary: Vocabulary): Text {
  return valueOf(schema, { ...vocabulary, hostile: false, depth: 0, name: "" });
}

/** What the schema of one field or parameter allows. */
export function calmField(name: string, schema: Schema, vocabulary: Vocabulary): Text {
  return calmValue(schema, { ...vocabulary, hostile: false, depth: 0, name });
}

/** Bodies that differ from what the schema wants, here and there or altogether. */
export function hostileBody(schema: Schema, vocabulary: Vocabulary): Text {
  const bent = valueOf(schema, { ...vocabulary, hostile: true, depth: 0, name: "" });
  return fc.oneof(
    { weight: 8, arbitrary: bent },
    { weight: 2, arbitrary: fc.constantFrom(...BROKEN) },
    { weight: 1, arbitrary: strange },
  );
}

interface Place extends Vocabulary {
  hostile: boolean;
  depth: number;
  name: string;
}

function valueOf(schema: Schema, place: Place): Text {
  const calm = calmValue(schema, { ...place, depth: place.depth + 1 });
  if (!place.hostile || place.depth === 0) return calm;
  return fc.oneof(
    { weight: CALM, arbitrary: calm },
    { weight: 1, arbitrary: strange },
    { weight: 1, arbitrary: edgesOf(schema) },
  );
}

function calmValue(schema: Schema, place: Place): Text {
  if (place.depth > MAX_DEPTH) return fc.constant("null");
  if (schema.$ref !== undefined) return calmValue(resolveSchema(schema.$ref, place.schemas), place);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one) => calmValue(one, place)));
  if ("const" in schema) return fc.constant(JSON.stringify(schema.const));
  if (schema.enum) return fc.constantFrom(...schema.enum.map((one) => JSON.stringify(one)));
  switch (schema.type) {
    case "object":
      return objectOf(schema, place);
    case "array":
      return arrayOf(schema, place);
    case "string":
      return stringOf(schema, place).map((text) => JSON.stringify(text));
    case "integer":
    case "number":
      return numberOf(schema, place).map(String);
    case "boolean":
      return fc.boolean().map(String);
    default:
      return fc.constant("null");
  }
}

function objectOf(schema: Schema, place: Place): Text {
  const required = new Set(schema.required);
  const fields = Object.entries(schema.properties ?? {}).map(([name, part]) => {
    const value = valueOf(part, { ...place, name });
    const field = value.map((text) => `${JSON.stringify(name)}:${text}`);
    const rarely = place.hostile ? 10 : undefined;
    if (required.has(name) && rarely === undefined) return field;
    return fc.option(field, { nil: "", freq: rarely ?? 2 });
  });
  const extra: Text = place.hostile
    ? fc.oneof(
        { weight: 2, arbitrary: fc.constant("") },
        { weight: 1, arbitrary: fc.constantFrom(...strays(schema)) },
      )
    : fc.constant("");
  return fc
    .tuple(...fields, extra)
    .map((parts) => `{${parts.filter((part) => part !== "").join(",")}}`);
}

/** Fields that nobody asked for, and ones that come twice. */
function strays(schema: Schema): string[] {
  const names = Object.keys(schema.properties ?? {});
  return [
    `"${MARK}":1`,
    `"__proto__":{"role":"${MARK}"}`,
    `"constructor":{"prototype":{"${MARK}":1}}`,
    `"\\u0000${MARK}":1`,
    `"\\ud800":"${MARK}"`,
    `"role":"admin"`,
    `"id":"${MARK}"`,
    `"":"${MARK}"`,
    ...names.map((name) => `"${name}":"${MARK}"`),
  ];
}

function arrayOf(schema: Schema, place: Place): Text {
  const items = valueOf(schema.items ?? {}, place);
  const most = Math.min(Number(schema["maxItems"] ?? MAX_ITEMS), MAX_ITEMS);
  return fc.array(items, { maxLength: most }).map((texts) => `[${texts.join(",")}]`);
}

/** A text that the schema allows, as far as it says so; placeholders are filled in later. */
function stringOf(schema: Schema, { name, words, ids }: Place): fc.Arbitrary<string> {
  const known = Object.hasOwn(words, name) ? (words[name] ?? []) : [];
  const format = typeof schema["format"] === "string" ? schema["format"] : "";
  const formed = format === "uuid" ? ids : format.includes("email") ? (words["email"] ?? []) : [];
  const examples = (schema.examples ?? []).map(String);
  const choices = [
    { weight: 6, texts: known },
    { weight: 2, texts: formed },
    { weight: 1, texts: examples },
  ].filter(({ texts }) => texts.length > 0);
  const given = choices.map(({ weight, texts }) => ({
    weight,
    arbitrary: fc.constantFrom(...texts),
  }));
  // Free text is never of a format.
  if (format !== "" && given.length > 0) return fc.oneof(...given);
  return fc.oneof(...given, { weight: 2, arbitrary: freeText(schema) });
}

function freeText(schema: Schema): fc.Arbitrary<string> {
  const least = Number(schema["minLength"] ?? 0);
  const most = Number(schema["maxLength"] ?? least + 40);
  const size = { minLength: least, maxLength: Math.min(most, least + 40) };
  const pattern = schema["pattern"];
  const text = fc.oneof(
    fc.string({ ...size, unit: "grapheme-ascii" }),
    fc.string({ ...size, unit: "grapheme" }),
    fc.constant("ế".repeat(Math.min(most, LONG))),
  );
  if (typeof pattern !== "string") return text;
  const wanted = new RegExp(pattern, "u");
  const sure = fc.constant("a".repeat(Math.max(least, 1)));
  return fc.oneof(
    text.map((one) => (wanted.test(one) ? one : one.trim())),
    sure,
  );
}

function numberOf(schema: Schema, { name, words }: Place): fc.Arbitrary<number> {
  const known = Object.hasOwn(words, name) ? (words[name] ?? []) : [];
  const any = anyNumber(schema);
  return known.length === 0 ? any : fc.oneof(any, fc.constantFrom(...known.map(Number)));
}

function anyNumber(schema: Schema): fc.Arbitrary<number> {
  const least = Number(schema["minimum"] ?? Number.MIN_SAFE_INTEGER);
  const most = Number(schema["maximum"] ?? Number.MAX_SAFE_INTEGER);
  return fc.oneof(fc.integer({ min: least, max: most }), fc.constantFrom(least, most));
}

/** Just outside of what the schema allows. */
function edgesOf(schema: Schema): Text {
  const { minimum, maximum, minLength, maxLength } = schema as Record<string, unknown>;
  const edges = [
    ...(minimum === undefined ? [] : [String(Number(minimum) - 1)]),
    ...(maximum === undefined ? [] : [String(Number(maximum) + 1)]),
    ...(minLength === undefined ? [] : [JSON.stringify("x".repeat(Number(minLength) - 1))]),
    ...(maxLength === undefined ? [] : [JSON.stringify("x".repeat(Number(maxLength) + 1))]),
    ...(maxLength === undefined ? [] : [JSON.stringify("e\u0301".repeat(Number(maxLength)))]),
    `{"${MARK}":[]}`,
  ];
  return fc.constantFrom(...edges);
}
