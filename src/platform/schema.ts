import {
  FormatRegistry,
  Kind,
  type TObject,
  type TProperties,
  Type,
  TypeRegistry,
} from "@sinclair/typebox";
import { t } from "elysia";

import { countCharacters, declareFields, parseInteger } from "./text.ts";

/** What a schema says to readers; a title also names it in the API's document. */
interface Words {
  title?: string;
  description?: string;
  examples?: unknown[];
}

/** An object of ours: a field that is not named in it is refused, in what comes in and in what goes out. */
export function object<T extends TProperties>(properties: T, words: Words = {}): TObject<T> {
  declareFields(Object.keys(properties));
  return t.Object(properties, { ...words, additionalProperties: false });
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const EMAIL =
  /^[^\s@"(),:;<>[\\\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\.[A-Za-z]{2,63}$/;

const TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?Z$/;
/** Every month has as many. */
const SAFE_DAY = 28;

/** The framework's own check takes many other spellings, and makes a date of each. */
function isTime(value: string): boolean {
  const day = Number(TIME.exec(value)?.[1]);
  return day <= SAFE_DAY || new Date(value).getUTCDate() === day;
}

FormatRegistry.Set("date-time", isTime);
FormatRegistry.Set("uuid", (value) => UUID.test(value));
FormatRegistry.Set("frm-email", (value) => EMAIL.test(value) && !value.includes(".."));

/** The id in every example of the API's document. */
export const EXAMPLE_ID = "01975b2e-8c1f-7a3d-9f52-6f0c7d1e2a34";

/** A UUID as text; ours are version 7, a client's own may be any. */
export const Id = t.String({
  format: "uuid",
  minLength: 36,
  maxLength: 36,
  examples: [EXAMPLE_ID],
});

/** RFC 3339, UTC. */
export const Time = t.String({ format: "date-time", examples: ["2026-11-23T02:15:00.000Z"] });

/** A whole number in a body or a frame. The framework's own integer would also let a string pass. */
export function integer(minimum: number, maximum: number = Number.MAX_SAFE_INTEGER) {
  return Type.Integer({ minimum, maximum });
}

/** A whole number in an answer. */
export function count(description: string, example: number) {
  return Type.Integer({ minimum: 0, description, examples: [example] });
}

interface Range {
  minimum: number;
  maximum: number;
  default?: number;
  description?: string;
}

const PARAMETER = "IntegerParameter";

TypeRegistry.Set<Range>(PARAMETER, (range, value) => {
  const number = typeof value === "string" ? parseInteger(value) : value;
  return Number.isInteger(number) && within(range, number as number);
});

function within({ minimum, maximum }: Range, number: number): boolean {
  return number >= minimum && number <= maximum;
}

/**
 * A whole number in a query or a path, where it arrives as text. The framework's own integer takes whatever
 * JavaScript can make a number of, such as `0x10` and `1e1`, and cannot say which parameter is out of its range.
 */
export function integerParameter(range: Range) {
  return t
    .Transform(t.Unsafe<number>({ ...range, [Kind]: PARAMETER, type: "integer" }))
    .Decode((value) => Number(value))
    .Encode((value) => value);
}

interface Lengths {
  minLength: number;
  maxLength: number;
}

const CHARACTERS = "Characters";

TypeRegistry.Set<Lengths>(CHARACTERS, ({ minLength, maxLength }, value) => {
  if (typeof value !== "string") return false;
  return within({ minimum: minLength, maximum: maxLength }, countCharacters(value));
});

/**
 * Text whose length counts in characters of Unicode, as JSON Schema has it. The framework's own string counts UTF-16
 * units, for which an emoji is two.
 */
export function characters(lengths: Lengths, words: Words = {}) {
  return t.Unsafe<string>({ ...words, ...lengths, [Kind]: CHARACTERS, type: "string" });
}

/** An address that mail can be sent to. */
export const Email = t.String({
  format: "frm-email",
  maxLength: 254,
  examples: ["lan@example.com"],
});

const MAX_PASSWORD_LENGTH = 128;
/** Counted after Unicode normalisation; no rules of composition, because length is what resists guessing. */
export const NewPassword = characters(
  { minLength: 8, maxLength: MAX_PASSWORD_LENGTH },
  {
    description: "Refused as `too_common` when it would be guessed soon.",
    examples: ["eight silver rivers"],
  },
);
/** One that is shown: a wrong one may be as long as it likes within reason, because it is wrong and not invalid. */
export const ShownPassword = characters(
  { minLength: 1, maxLength: MAX_PASSWORD_LENGTH },
  { examples: ["seven green lanterns"] },
);

/** Characters that show nothing, or turn round the text beside them: with them, a name would look like another one. */
const HIDDEN =
  "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0";
/** They hold letters and pictures together, and so are only between others. */
const JOINERS = "\\u200c\\u200d";
const VISIBLE = `[^\\s${HIDDEN}${JOINERS}]`;

/** One line for people to read: no line breaks, no blank ends, at least one visible character and none that hides. */
export function line(maxLength: number, words: Words = {}) {
  const pattern = `^${VISIBLE}(?:[^\\r\\n\\t${HIDDEN}]*${VISIBLE})?$`;
  return t.String({ minLength: 1, maxLength, pattern, ...words });
}

/** Text of several lines that is not blank. */
export function text(maxLength: number, words: Words = {}) {
  return t.String({ minLength: 1, maxLength, pattern: "\\S", ...words });
}

export const PAGE_LIMIT = 20;
const MAX_PAGE_LIMIT = 100;

/** The query of every list. */
export const PageQuery = object({
  limit: t.Optional(
    integerParameter({
      minimum: 1,
      maximum: MAX_PAGE_LIMIT,
      default: PAGE_LIMIT,
      description: "How many items to answer at most.",
    }),
  ),
  cursor: t.Optional(
    t.String({
      minLength: 1,
      maxLength: 512,
      description: "The `nextCursor` of the page before; it fits this list and this user only.",
    }),
  ),
});

/** The answer of every list. */
export function page<T extends Parameters<typeof t.Array>[0]>(item: T, words: Words = {}) {
  const nextCursor = t.Union([t.String(), t.Null()], {
    description: "Where the next page starts; null on the last one.",
    examples: [null],
  });
  const limit = count("How many items were asked for.", PAGE_LIMIT);
  return object({ items: t.Array(item), page: object({ nextCursor, limit }) }, words);
}
