import type { TSchema } from "@sinclair/typebox/type";

import { code, table } from "./tables.ts";

/** The rows of one object: name, type with limits, and meaning. @throws when a field says nothing about itself. */
export function fieldsTable(schema: TSchema, meanings: Readonly<Record<string, string>>): string {
  const required = new Set((schema["required"] as string[] | undefined) ?? []);
  const rows = Object.entries(propertiesOf(schema)).map(([name, field]) => {
    const meaning = field.description ?? meanings[name];
    if (meaning === undefined)
      throw new Error(`Cannot describe the field "${name}": its schema has no description`);
    return [code(name), describeType(field), required.has(name) ? "yes" : "", meaning];
  });
  return table(["field", "type", "required", "meaning"], rows);
}

/** The fields of an object in one line. */
export function fieldsLine(schema: TSchema): string {
  return Object.entries(propertiesOf(schema))
    .map(([name, field]) => `${code(name)}: ${describeType(field)}`)
    .join("; ");
}

function propertiesOf(schema: TSchema): Record<string, TSchema> {
  return (schema["properties"] as Record<string, TSchema> | undefined) ?? {};
}

/** A schema as a person would say it, limits included, because the schema is what the server checks with. */
export function describeType(schema: TSchema): string {
  const {
    const: literal,
    anyOf,
    type,
    items,
    patternProperties,
  } = schema as Record<string, unknown> & TSchema;
  if (literal !== undefined) return code(JSON.stringify(literal));
  if (Array.isArray(anyOf))
    return anyOf.map((option: TSchema) => describeType(option)).join(" or ");
  if (type === "string") return describeString(schema);
  if (type === "integer" || type === "number") return describeNumber(schema);
  if (type === "array") return describeList(schema, items);
  if (type !== "object") return typeof type === "string" ? type : "any JSON";
  if (patternProperties !== undefined) return describeRecord(schema);
  return `object of ${fieldsLine(schema)}`;
}

function describeString({ format, pattern, minLength, maxLength }: TSchema): string {
  if (format === "uuid") return "UUID";
  if (format === "date-time") return "RFC 3339 time";
  const shape =
    pattern === undefined || pattern === "\\S" ? "" : `, matches ${code(String(pattern))}`;
  const least = typeof minLength === "number" ? minLength : 0;
  const most = maxLength === undefined ? "" : `, ${least} to ${String(maxLength)} characters`;
  return `string${most}${pattern === "\\S" ? ", not blank" : shape}`;
}

function describeNumber({ type, minimum, maximum }: TSchema): string {
  const bounded = typeof maximum === "number" && maximum < Number.MAX_SAFE_INTEGER;
  const least = minimum === undefined ? "" : ` from ${String(minimum)}`;
  return `${String(type)}${least}${bounded ? ` to ${maximum}` : ""}`;
}

function describeList({ maxItems }: TSchema, items: unknown): string {
  if (Array.isArray(items))
    return `list of ${items.map((item: TSchema) => describeType(item)).join(", ")}`;
  const most = maxItems === undefined ? "" : `, at most ${String(maxItems)}`;
  return `list of ${describeType(items as TSchema)}${most}`;
}

function describeRecord({ patternProperties, maxProperties }: TSchema): string {
  const [value] = Object.values(patternProperties as Record<string, TSchema>);
  const most = maxProperties === undefined ? "" : `, at most ${String(maxProperties)} entries`;
  return `object from string to ${value ? describeType(value) : "any JSON"}${most}`;
}
