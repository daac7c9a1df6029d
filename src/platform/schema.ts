import { FormatRegistry, type TObject, type TProperties } from "@sinclair/typebox";
import { t } from "elysia";

import { declareFields } from "./text.ts";

/** An object of ours: a field that is not named in it is refused, in what comes in and in what goes out. */
export function object<T extends TProperties>(
  properties: T,
  options: { description?: string } = {},
): TObject<T> {
  declareFields(Object.keys(properties));
  return t.Object(properties, { ...options, additionalProperties: false });
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const EMAIL =
  /^[^\s@"(),:;<>[\\\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\.[A-Za-z]{2,63}$/;

FormatRegistry.Set("uuid", (value) => UUID.test(value));
FormatRegistry.Set("frm-email", (value) => EMAIL.test(value) && !value.includes(".."));

/** A UUID as text; ours are version 7, a client's own may be any. */
export const Id = t.String({ format: "uuid", minLength: 36, maxLength: 36 });

/** RFC 3339, UTC. */
export const Time = t.String({ format: "date-time" });

/** One line for people to read: no line breaks, no blank ends, at least one visible character. */
export function line(maxLength: number) {
  return t.String({ minLength: 1, maxLength, pattern: "^\\S(?:[^\\r\\n\\t]*\\S)?$" });
}

/** Text of several lines that is not blank. */
export function text(maxLength: number) {
  return t.String({ minLength: 1, maxLength, pattern: "\\S" });
}

export const PAGE_LIMIT = 20;
const MAX_PAGE_LIMIT = 100;

/** The query of every list. */
export const PageQuery = object({
  limit: t.Optional(t.Integer({ minimum: 1, maximum: MAX_PAGE_LIMIT, default: PAGE_LIMIT })),
  cursor: t.Optional(t.String({ minLength: 1, maxLength: 512 })),
});

/** The answer of every list. */
export function page<T extends Parameters<typeof t.Array>[0]>(item: T) {
  return object({
    items: t.Array(item),
    page: object({ nextCursor: t.Union([t.String(), t.Null()]), limit: t.Number() }),
  });
}
