/** The part of JSON Schema that our document uses; any other keyword is refused, so that nothing goes unchecked. */
export interface Schema {
  [keyword: string]: unknown;
  $ref?: string;
  type?: string;
  const?: unknown;
  enum?: unknown[];
  examples?: unknown[];
  anyOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
}

export type Schemas = Record<string, Schema>;

const FORMATS: Record<string, RegExp> = {
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
  "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/,
  email: /^[^\s@]+@[^\s@]+\.[a-z]+$/i,
};

type Check = (limit: unknown, value: unknown) => boolean;

/** What each keyword demands of a value of the type that it is for; of another type it demands nothing. */
const CHECKS: Record<string, Check> = {
  const: (wanted, value) => Bun.deepEquals(wanted, value),
  enum: (wanted, value) => (wanted as unknown[]).some((one) => Bun.deepEquals(one, value)),
  type: (name, value) => isOfType(String(name), value),
  format: (name, value) => typeof value !== "string" || formatOf(String(name)).test(value),
  pattern: (source, value) =>
    typeof value !== "string" || new RegExp(String(source), "u").test(value),
  minLength: (limit, value) =>
    typeof value !== "string" || Array.from(value).length >= Number(limit),
  maxLength: (limit, value) =>
    typeof value !== "string" || Array.from(value).length <= Number(limit),
  minimum: (limit, value) => typeof value !== "number" || value >= Number(limit),
  maximum: (limit, value) => typeof value !== "number" || value <= Number(limit),
  maxItems: (limit, value) => !Array.isArray(value) || value.length <= Number(limit),
  minProperties: (limit, value) =>
    !isOfType("object", value) || Object.keys(value as object).length >= Number(limit),
  uniqueItems: (_, value) =>
    !Array.isArray(value) ||
    new Set(value.map((item) => JSON.stringify(item))).size === value.length,
};
const WORDS = new Set(["title", "description", "examples", "default"]);
const STRUCTURE = new Set([
  "$ref",
  "anyOf",
  "allOf",
  "items",
  "properties",
  "required",
  "additionalProperties",
]);

/** Every keyword that a schema of ours may have. */
export const KEYWORDS = [...Object.keys(CHECKS), ...WORDS, ...STRUCTURE];

function isOfType(name: string, value: unknown): boolean {
  switch (name) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isSafeInteger(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "string":
    case "number":
    case "boolean":
      return typeof value === name;
    default:
      throw new Error(`Cannot check the type "${name}": it is none of JSON Schema`);
  }
}

function formatOf(name: string): RegExp {
  const format = FORMATS[name];
  if (!format) throw new Error(`Cannot check the format "${name}": it is not known here`);
  return format;
}

/** What is wrong with the value, each with its place; empty when it is valid. */
export function checkJson(schema: Schema, value: unknown, schemas: Schemas): string[] {
  const errors: string[] = [];

  function walk(part: Schema, found: unknown, place: string): void {
    checkKeywords(part, found, place);
    if (part.$ref !== undefined) walk(resolveSchema(part.$ref, schemas), found, place);
    for (const one of part.allOf ?? []) walk(one, found, place);
    if (part.anyOf?.every((one) => checkJson(one, found, schemas).length > 0))
      errors.push(`${place} is none of anyOf`);
    if (part.items && Array.isArray(found))
      for (const [index, item] of found.entries()) walk(part.items, item, `${place}/${index}`);
    if (isOfType("object", found)) walkFields(part, found as Record<string, unknown>, place);
  }
  function checkKeywords(part: Schema, found: unknown, place: string): void {
    for (const [keyword, limit] of Object.entries(part)) {
      if (!KEYWORDS.includes(keyword))
        throw new Error(`Cannot check the keyword "${keyword}": it is not known here`);
      if (CHECKS[keyword]?.(limit, found) === false)
        errors.push(`${place} breaks ${keyword} ${JSON.stringify(limit)}`);
    }
  }
  function walkFields(part: Schema, found: Record<string, unknown>, place: string): void {
    for (const name of part.required ?? [])
      if (!Object.hasOwn(found, name)) errors.push(`${place}/${name} is missing`);
    for (const [name, item] of Object.entries(found)) {
      const known = part.properties?.[name];
      if (known) walk(known, item, `${place}/${name}`);
      else if (part["additionalProperties"] === false)
        errors.push(`${place}/${name} is not documented`);
    }
  }
  walk(schema, value, "");
  return errors;
}

export function resolveSchema(ref: string, schemas: Schemas): Schema {
  const schema = schemas[ref.replace("#/components/schemas/", "")];
  if (!schema) throw new Error(`Cannot find "${ref}": the document has no such schema`);
  return schema;
}

/** The schema and all schemas inside of it, those that it refers to included, each once. */
export function listSchemas(schema: Schema, schemas: Schemas, seen = new Set<Schema>()): Schema[] {
  if (seen.has(schema)) return [];
  seen.add(schema);
  const parts = [
    ...(schema.$ref === undefined ? [] : [resolveSchema(schema.$ref, schemas)]),
    ...(schema.anyOf ?? []),
    ...(schema.allOf ?? []),
    ...(schema.items ? [schema.items] : []),
    ...Object.values(schema.properties ?? {}),
  ];
  return [schema, ...parts.flatMap((part) => listSchemas(part, schemas, seen))];
}
