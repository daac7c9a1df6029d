import type { Call } from "../../../test/support/contract.ts";
import { resolveSchema, type Schema, type Schemas } from "../../../test/support/json_schema.ts";
import type { Listed } from "../../../test/support/openapi.ts";

/**
 * Where a caller may write: `path id`, `query limit`, `body /memberIds/0`, `header user-agent`, or `headers` for those
 * that carry the same text at once.
 */
export type Place = string;

/** What stands in a place instead of the text that an ordinary call has there. */
export type Put = (place: Place, usual: string) => string;

/** All headers that hold the same text at once, because none of them turns the call away. */
export const SHARED = "headers";

/** The same call with another text in every place. */
export function mapCall(call: Call, put: Put, shared: ReadonlySet<string> = new Set()): Call {
  const { params, query, body, headers } = call;
  const place = (name: string) => (shared.has(name) ? SHARED : `header ${name}`);
  return {
    ...call,
    ...(params && { params: mapRecord(params, (name, text) => put(`path ${name}`, text)) }),
    ...(query !== undefined && { query: mapQuery(query, put) }),
    ...(body !== undefined && { body: mapBody(body, "", put) }),
    ...(headers && { headers: mapRecord(headers, (name, text) => put(place(name), text)) }),
  };
}

/** Every place of a call, each once. */
export function listPlaces(call: Call, shared?: ReadonlySet<string>): Place[] {
  const places = new Set<Place>();
  const note: Put = (place, usual) => {
    places.add(place);
    return usual;
  };
  mapCall(call, note, shared);
  return [...places];
}

function mapRecord(
  record: Record<string, string>,
  change: (name: string, text: string) => string,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record).map(([name, text]) => [name, change(name, text)]),
  );
}

function mapQuery(query: string, put: Put): string {
  const parts = [...new URLSearchParams(query)].map(
    ([name, text]) => `${name}=${encodeURIComponent(put(`query ${name}`, text).toWellFormed())}`,
  );
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

function mapBody(value: unknown, pointer: string, put: Put): unknown {
  if (Array.isArray(value))
    return value.map((item: unknown, at) => mapBody(item, `${pointer}/${at}`, put));
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [name, mapBody(part, `${pointer}/${name}`, put)]),
    );
  const usual = String(value);
  const text = put(`body ${pointer}`, usual);
  if (text === usual) return value;
  return typeof value === "string" ? text : (readScalar(text) ?? text);
}

/** A number or a boolean where the text is one, because a text there would be turned away before anything reads it. */
function readScalar(text: string): unknown {
  return /^(?:true|false|null|-?\d{1,15}(?:\.\d{1,9})?)$/.test(text) ? JSON.parse(text) : undefined;
}

/** A place that the document names, with the schema of what may stand there. */
export interface Documented {
  place: Place;
  schema: Schema;
}

/** Every place that the document promises to read. */
export function listDocumented({ operation }: Listed, schemas: Schemas): Documented[] {
  const parameters = operation.parameters.map(({ in: where, name, schema }) => ({
    place: `${where} ${where === "header" ? name.toLowerCase() : name}`,
    schema,
  }));
  const body = operation.requestBody?.content["application/json"]?.schema;
  const fields = body ? listFields(body, "", schemas) : [];
  const seen = new Set<Place>();
  return [...parameters, ...fields].filter(({ place }) => !seen.has(place) && seen.add(place));
}

function listFields(schema: Schema, pointer: string, schemas: Schemas): Documented[] {
  if (schema.$ref !== undefined)
    return listFields(resolveSchema(schema.$ref, schemas), pointer, schemas);
  if (schema.anyOf?.some(({ type, $ref }) => type === "object" || $ref !== undefined))
    return schema.anyOf.flatMap((one) => listFields(one, pointer, schemas));
  if (schema.type === "array") return listFields(schema.items ?? {}, `${pointer}/0`, schemas);
  if (schema.type !== "object") return [{ place: `body ${pointer}`, schema }];
  return Object.entries(schema.properties ?? {}).flatMap(([name, part]) =>
    listFields(part, `${pointer}/${name}`, schemas),
  );
}

/** A value that the schema allows, for a place that the ordinary call leaves out. */
export function sampleOf(schema: Schema): unknown {
  const given = [...(schema.examples ?? []), ...(schema.enum ?? []), schema.const];
  const [known = schema["default"]] = given.filter((value) => value !== undefined);
  if (known !== undefined) return known;
  if (schema.anyOf) return sampleOf(schema.anyOf[0] ?? {});
  if (schema["format"] === "uuid") return Bun.randomUUIDv7();
  const type = String(schema.type);
  if (type === "boolean") return false;
  if (type !== "string") return Number(schema["minimum"] ?? 1);
  return "a".repeat(Math.max(1, Number(schema["minLength"] ?? 1)));
}

/** The call with a value where it had none; undefined where that would need more than a value. */
export function addPlace(call: Call, place: Place, value: unknown): Call | undefined {
  const [where = "", name = ""] = place.split(" ");
  if (where === "query") {
    const query = new URLSearchParams(call.query ?? "");
    query.set(name, String(value));
    return { ...call, query: `?${query.toString()}` };
  }
  const field = /^\/([^/]+)$/.exec(name)?.[1];
  if (where !== "body" || field === undefined) return undefined;
  return { ...call, body: { ...(call.body as object | undefined), [field]: value } };
}
