import { STATUS_CODES } from "node:http";

import { ACCESS } from "./access.ts";
import { codesOf, commonHeaders, problemResponse, sharedErrors } from "./openapi_problem.ts";
import { type Components, exampleOf, type JsonSchema, toJsonSchema } from "./openapi_schema.ts";

/** A route as Elysia lists it, with what its hooks say about input and answers. */
export interface Route {
  method: string;
  path: string;
  hooks: unknown;
}

type Content = Record<string, object>;
type Response = { description?: string; headers?: object; content?: Content };

/** The part of an operation that a route writes itself, in `detail`. */
export interface Operation {
  [field: string]: unknown;
  operationId?: string;
  security?: object[];
  parameters?: object[];
  responses?: Record<string, Response>;
}

type Part = "body" | "headers" | "params" | "query" | "response";
type Schemas = Partial<Record<Part, object>>;
type Hooks = Schemas & { detail?: Operation; standaloneValidator?: Schemas[] };

const OPTIONAL = Symbol.for("TypeBox.Optional");
const KIND = Symbol.for("TypeBox.Kind");
const PLACES = [
  ["path", "params"],
  ["query", "query"],
  ["header", "headers"],
] as const;

/**
 * The operation with its input and answers as the route really has them. The plugin's own are dropped: it claims three
 * content types for each, closes no object, requires every body, and misses what guards and macros declare.
 */
export function describeOperation(
  operation: Operation,
  route: Route,
  components: Components,
): Operation {
  const hooks = route.hooks as Hooks;
  const { detail = {} } = hooks;
  const extension: string = ACCESS;
  const { [extension]: _access, requestBody: _body, ...words } = operation;
  const body = schemasOf(hooks, "body")[0];
  const parameters = [...parametersOf(hooks, components), ...(detail.parameters ?? [])];
  return {
    ...words,
    parameters,
    ...(body ? { requestBody: requestBody(body, components) } : {}),
    responses: responsesOf(route, hooks, components),
  };
}

/** The schemas of one part, those of the route first and then those that its guards and macros put beside it. */
function schemasOf(hooks: Hooks, part: Part): object[] {
  return [hooks, ...(hooks.standaloneValidator ?? [])].flatMap((schemas) => schemas[part] ?? []);
}

function requestBody(schema: object, components: Components): object {
  return { required: !(OPTIONAL in schema), content: jsonContent(schema, components) };
}

function jsonContent(schema: object, components: Components): Content {
  const converted = toJsonSchema(schema, components);
  const example = exampleOf(converted, components);
  const content = { schema: converted, ...(example === undefined ? {} : { example }) };
  return { "application/json": content };
}

function parametersOf(hooks: Hooks, components: Components): object[] {
  return PLACES.flatMap(([place, part]) =>
    schemasOf(hooks, part).flatMap((schemas) => {
      const { properties = {}, required = [] } = toJsonSchema(schemas, components);
      return Object.entries(properties).map(([name, { description, ...schema }]) => ({
        name,
        in: place,
        required: required.includes(name),
        ...(description === undefined ? {} : { description }),
        schema,
      }));
    }),
  );
}

function responsesOf(route: Route, hooks: Hooks, components: Components): Record<string, Response> {
  const codes = new Map<number, Set<string>>();
  const addCodes = (status: number, added: string[]) =>
    codes.set(status, new Set([...(codes.get(status) ?? []), ...added]));
  const responses: Record<string, Response> = {};
  for (const [status, schema] of schemasOf(hooks, "response").flatMap(byStatus)) {
    const own = codesOf(schema);
    if (own) addCodes(status, own);
    else responses[status] = answer(status, schema, components);
  }
  const { security = [] } = hooks.detail ?? {};
  const approach = {
    method: route.method,
    path: route.path,
    signedIn: security.length > 0,
    hasBody: schemasOf(hooks, "body").length > 0,
  };
  for (const { status, code } of sharedErrors(approach)) addCodes(status, [code]);
  for (const [status, known] of codes) {
    const problem = problemResponse(status, known);
    const other = responses[status];
    // One status may carry both, and the content type tells them apart.
    responses[status] = other
      ? { ...other, content: { ...other.content, ...problem.content } }
      : problem;
  }
  return withWords(responses, hooks.detail?.responses ?? {});
}

/** A route may declare one schema, which is that of 200, or one for each status. */
function byStatus(declared: object): [number, JsonSchema][] {
  if (KIND in declared) return [[200, declared as JsonSchema]];
  return Object.entries(declared).map(([status, schema]) => [Number(status), schema as JsonSchema]);
}

function answer(status: number, schema: JsonSchema, components: Components): Response {
  return {
    description: schema.description ?? STATUS_CODES[status] ?? "An answer",
    headers: commonHeaders(status, false),
    ...(schema.type === "void" ? {} : { content: jsonContent(schema, components) }),
  };
}

/** Adds what the route says about its answers in words: descriptions, headers, examples, answers without a body. */
function withWords(
  responses: Record<string, Response>,
  words: Record<string, Response>,
): Record<string, Response> {
  const merged = { ...responses };
  for (const [status, { headers, content = {}, ...rest }] of Object.entries(words)) {
    const known = merged[status] ?? { headers: commonHeaders(Number(status), false) };
    const bodies = Object.entries({ ...known.content, ...content }).map(
      ([type]) => [type, { ...known.content?.[type], ...content[type] }] as const,
    );
    merged[status] = {
      ...known,
      ...rest,
      headers: { ...known.headers, ...headers },
      ...(bodies.length > 0 ? { content: Object.fromEntries(bodies) } : {}),
    };
  }
  return merged;
}
