/** A JSON Schema as it stands in the document. */
export interface JsonSchema {
  [keyword: string]: unknown;
  $ref?: string;
  title?: string;
  description?: string;
  type?: string;
  format?: string;
  const?: unknown;
  enum?: unknown[];
  examples?: unknown[];
  anyOf?: JsonSchema[];
  allOf?: JsonSchema[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
}

/** The named schemas of one document. */
export type Components = Map<string, JsonSchema>;

const REFERENCE = "#/components/schemas/";
/** Formats of the framework's unions that also take a number or a truth value as text, as a query brings it. */
const SPELLED = new Set(["integer", "numeric", "boolean"]);

/**
 * The schema of a route as JSON Schema: without the framework's marks and unions, and with each part that has a title
 * moved to the components. @throws when one title stands for two schemas.
 */
export function toJsonSchema(schema: object, components: Components): JsonSchema {
  return convert(JSON.parse(JSON.stringify(schema)) as JsonSchema, components);
}

function convert(schema: JsonSchema, components: Components): JsonSchema {
  const plain = plainUnion(schema);
  // Our own checks of a format are stricter than the standard's and have names of their own.
  if (plain.format) plain.format = plain.format.replace(/^frm-/, "");
  for (const keyword of ["anyOf", "allOf"] as const) {
    const parts = plain[keyword];
    if (parts) plain[keyword] = parts.map((part) => convert(part, components));
  }
  if (plain.items) plain.items = convert(plain.items, components);
  if (plain.properties)
    plain.properties = Object.fromEntries(
      Object.entries(plain.properties).map(([name, part]) => [name, convert(part, components)]),
    );
  return plain.title === undefined ? plain : reference(plain, plain.title, components);
}

function plainUnion({ anyOf, ...rest }: JsonSchema): JsonSchema {
  if (!anyOf) return rest;
  const [first, second] = anyOf;
  if (first?.type === "string" && second && SPELLED.has(first.format ?? ""))
    return { ...rest, ...second };
  if (first && anyOf.every((part) => "const" in part && part.type === first.type))
    return { ...rest, type: first.type ?? "string", enum: anyOf.map((part) => part.const) };
  return { ...rest, anyOf };
}

function reference(schema: JsonSchema, title: string, components: Components): JsonSchema {
  const known = components.get(title);
  if (known && !Bun.deepEquals(known, schema))
    throw new Error(`Cannot name the schema "${title}": another one has this name`);
  components.set(title, schema);
  return { $ref: REFERENCE + title };
}

/** The schema itself, where it is only referred to. */
export function resolve(schema: JsonSchema, components: Components): JsonSchema {
  if (schema.$ref === undefined) return schema;
  return components.get(schema.$ref.slice(REFERENCE.length)) ?? {};
}

/**
 * A value that the schema's own examples add up to; undefined where there is none. Fields that may be missing and have
 * no example are left out, so that what a reader sends as it stands is right.
 */
export function exampleOf(schema: JsonSchema, components: Components): unknown {
  const { examples, anyOf, properties, items, ...rest } = resolve(schema, components);
  if (examples) return examples[0];
  if ("const" in rest) return rest.const;
  if (rest.enum) return rest.enum[0];
  if (anyOf?.[0]) return exampleOf(anyOf[0], components);
  if (items) {
    const item = exampleOf(items, components);
    return item === undefined ? undefined : [item];
  }
  if (!properties) return rest.type === "boolean" ? true : undefined;
  const fields = Object.entries(properties)
    .map(([name, part]) => [name, exampleOf(part, components)] as const)
    .filter(([, value]) => value !== undefined);
  return Object.fromEntries(fields);
}
