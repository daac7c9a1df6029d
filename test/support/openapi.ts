import { KEYWORDS, type Schema, type Schemas } from "./json_schema.ts";

export interface Media {
  schema: Schema;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema: Schema;
}

interface Header {
  $ref?: string;
  required?: boolean;
  schema?: Schema;
}

export interface Response {
  description: string;
  headers?: Record<string, Header>;
  content?: Record<string, Media>;
}

export interface Operation {
  operationId: string;
  summary: string;
  description: string;
  tags: string[];
  security?: Record<string, string[]>[];
  parameters: Parameter[];
  requestBody?: { required: boolean; content: Record<string, Media> };
  responses: Record<string, Response>;
}

export interface Document {
  openapi: string;
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Schemas;
    headers: Record<string, Header>;
    securitySchemes: Record<string, object>;
  };
}

/**
 * The objects of OpenAPI 3.1 with the fields that we may use: `!` is required, `[]` a list, `{}` a map, and a plain
 * name is another object or a type of JSON.
 */
const SHAPES: Record<string, Record<string, string>> = {
  Document: {
    openapi: "string!",
    info: "Info!",
    servers: "Server[]",
    tags: "Tag[]",
    paths: "PathItem{}!",
    components: "Components",
  },
  Info: { title: "string!", version: "string!", description: "string" },
  Server: { url: "string!", description: "string" },
  Tag: { name: "string!", description: "string" },
  PathItem: {
    get: "Operation",
    put: "Operation",
    post: "Operation",
    patch: "Operation",
    delete: "Operation",
  },
  Operation: {
    operationId: "string!",
    summary: "string!",
    description: "string!",
    tags: "string[]!",
    parameters: "Parameter[]",
    requestBody: "RequestBody",
    responses: "Response{}!",
    security: "any[]",
  },
  Parameter: {
    name: "string!",
    in: "string!",
    required: "boolean",
    description: "string!",
    schema: "Schema!",
  },
  RequestBody: { required: "boolean", content: "Media{}!", description: "string" },
  Response: { description: "string!", headers: "Header{}", content: "Media{}" },
  Header: { description: "string!", required: "boolean", schema: "Schema!" },
  Media: { schema: "Schema!", example: "any", examples: "Example{}" },
  Example: { value: "any!", summary: "string" },
  Components: { schemas: "Schema{}", headers: "Header{}", securitySchemes: "SecurityScheme{}" },
  SecurityScheme: {
    type: "string!",
    scheme: "string!",
    bearerFormat: "string",
    description: "string",
  },
  Schema: {
    ...Object.fromEntries(KEYWORDS.map((keyword) => [keyword, "any"])),
    items: "Schema",
    anyOf: "Schema[]",
    allOf: "Schema[]",
    properties: "Schema{}",
  },
};

function readRule(rule: string) {
  const shape = rule.replace(/\W+$/, "");
  const many = rule.includes("[]") ? "list" : rule.includes("{}") ? "map" : undefined;
  return { shape, many, required: rule.endsWith("!") };
}

function isMany(many: string, value: unknown): value is object {
  return typeof value === "object" && value !== null && Array.isArray(value) === (many === "list");
}

/** What is wrong with the structure of a document; empty when it is an OpenAPI document. */
export function checkOpenApi(document: Document): string[] {
  const errors: string[] = [];

  function walk(shape: string, value: unknown, place: string): void {
    if (shape === "any") return;
    const fields = SHAPES[shape];
    if (!fields) {
      if (typeof value !== shape) errors.push(`${place} is no ${shape}`);
      return;
    }
    if (typeof value !== "object" || value === null || Array.isArray(value))
      return void errors.push(`${place} is no ${shape}`);
    const object = value as Record<string, unknown>;
    if ("$ref" in object) return checkReference(object, place);
    for (const name of Object.keys(object))
      if (!Object.hasOwn(fields, name)) errors.push(`${place}/${name} is no field of ${shape}`);
    for (const [name, rule] of Object.entries(fields))
      walkField(rule, object[name], `${place}/${name}`);
  }
  function walkField(rule: string, value: unknown, place: string): void {
    const { shape, many, required } = readRule(rule);
    if (value === undefined) {
      if (required) errors.push(`${place} is missing`);
    } else if (many === undefined) walk(shape, value, place);
    else if (!isMany(many, value)) errors.push(`${place} is no ${many}`);
    else for (const [key, item] of Object.entries(value)) walk(shape, item, `${place}/${key}`);
  }
  function checkReference(object: Record<string, unknown>, place: string): void {
    const [, kind = "", name = ""] =
      /^#\/components\/(\w+)\/([\w.-]+)$/.exec(String(object["$ref"])) ?? [];
    const known = (document.components as unknown as Record<string, Record<string, object>>)[kind];
    if (!known || !Object.hasOwn(known, name)) errors.push(`${place} refers to nothing`);
    if (Object.keys(object).length > 1) errors.push(`${place} has more than its reference`);
  }
  walk("Document", document, "");
  for (const [path, item] of Object.entries(document.paths))
    for (const operation of Object.values(item))
      errors.push(...checkOperation(path, operation, document));
  return errors;
}

function checkOperation(path: string, operation: Operation, document: Document): string[] {
  const { operationId, parameters, responses, security = [], tags } = operation;
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const declared = parameters.filter((one) => one.in === "path" && one.required);
  const known = new Set(document.tags.map(({ name }) => name));
  const rules: [boolean, string][] = [
    [
      Bun.deepEquals(declared.map(({ name }) => name).toSorted(), inPath.toSorted()),
      "has other path parameters",
    ],
    [/^(?:\/[\w.-]+|\/\{\w+\})+$/.test(path), "has an odd path"],
    [/^[a-z]+(?:[A-Z][a-z]+)*$/.test(operationId), "has an odd operationId"],
    [Object.keys(responses).every((status) => /^[1-5]\d\d$/.test(status)), "has an odd status"],
    [Object.keys(responses).some((status) => status < "300"), "never succeeds"],
    [tags.every((tag) => known.has(tag)), "has a tag without a description"],
    [
      security
        .flatMap(Object.keys)
        .every((name) => Object.hasOwn(document.components.securitySchemes, name)),
      "has an unknown security scheme",
    ],
    [
      new Set(parameters.map((one) => `${one.in} ${one.name}`)).size === parameters.length,
      "repeats a parameter",
    ],
  ];
  return rules.filter(([holds]) => !holds).map(([, what]) => `${operationId} ${what}`);
}

export interface Listed {
  method: string;
  path: string;
  operation: Operation;
}

export function listOperations(document: Document): Listed[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
}

/** Every body that the document describes: of what comes in, and of what goes out. */
export function listMedia({ operation }: Listed): { status: string; type: string; media: Media }[] {
  const bodies = [
    ["request", operation.requestBody] as const,
    ...Object.entries(operation.responses),
  ];
  return bodies.flatMap(([status, body]) =>
    Object.entries(body?.content ?? {}).map(([type, media]) => ({ status, type, media })),
  );
}

/** The codes that a problem of this status may have. */
export function codesOf(operation: Operation, status: string): string[] {
  const schema = operation.responses[status]?.content?.["application/problem+json"]?.schema;
  const values = schema?.allOf?.flatMap(({ properties }) => properties?.["code"]?.enum ?? []);
  return (values ?? []).map(String);
}
