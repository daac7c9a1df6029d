import {
  AppError,
  DependencyUnavailable,
  type ErrorKind,
  HttpsRequired,
  Internal,
  listErrors,
  MalformedBody,
  MisdirectedHost,
  Overloaded,
  PayloadTooLarge,
  UnsupportedMediaType,
  ValidationFailed,
} from "../errors.ts";
import { PROBLEM, problemSchema, toProblem } from "../problems.ts";
import { EXAMPLE_ID } from "../schema.ts";
import { METHODS_WITH_BODY } from "./body.ts";
import { isOperation } from "./hosts.ts";
import { type Components, type JsonSchema, toJsonSchema } from "./openapi_schema.ts";

/** A header of an answer, by the name under which the components describe it. */
function header(name: string) {
  return { $ref: `#/components/headers/${name}` };
}

/** The headers that whole kinds of answers have. */
export const HEADERS = {
  "X-Request-Id": {
    description: "Names this request in our logs. A caller may choose it.",
    required: true,
    schema: { type: "string", pattern: "^[A-Za-z0-9_-]{8,64}$" },
  },
  "WWW-Authenticate": {
    description: "How to authenticate.",
    required: true,
    schema: { type: "string", examples: ['Bearer realm="frm-ai"'] },
  },
  "Retry-After": {
    description: "Seconds after which to try again.",
    required: true,
    schema: { type: "string", pattern: "^[0-9]+$", examples: ["2"] },
  },
};

/** The headers of an answer with this status that every route has in common. */
export function commonHeaders(status: number, problem: boolean): Record<string, object> {
  // The server itself writes the answer to a handshake.
  if (status === 101) return {};
  return {
    "X-Request-Id": header("X-Request-Id"),
    ...(problem && status === 401 ? { "WWW-Authenticate": header("WWW-Authenticate") } : {}),
    ...(problem && (status === 429 || status === 503)
      ? { "Retry-After": header("Retry-After") }
      : {}),
  };
}

/** What an error looks like, whichever it is. */
export function problemComponent(): JsonSchema {
  const codes = listErrors().map(({ code }) => code);
  const components: Components = new Map();
  toJsonSchema(problemSchema(codes), components);
  const schema = components.get(PROBLEM) ?? {};
  const code = { type: "string", description: "Stable; programs decide by it." };
  return { ...schema, properties: { ...schema.properties, code } };
}

/** The codes of a route's own schema; undefined when it is not the schema of a problem. */
export function codesOf(schema: JsonSchema): string[] | undefined {
  if (schema.title !== PROBLEM) return undefined;
  const code = schema.properties?.["code"];
  return (code?.anyOf ?? [code]).map((literal) => String(literal?.const));
}

/** One answer of the document: the problems of one status, each by its code. */
export function problemResponse(status: number, codes: Set<string>) {
  const kinds = listErrors().filter(({ code }) => codes.has(code));
  const properties = { status: { const: status }, code: { enum: [...codes].toSorted() } };
  const schema = {
    allOf: [{ $ref: `#/components/schemas/${PROBLEM}` }, { type: "object", properties }],
  };
  return {
    description: kinds.map(({ code, title }) => `\`${code}\`: ${title.en}.`).join("\n\n"),
    headers: commonHeaders(status, true),
    content: {
      "application/problem+json": {
        schema,
        examples: Object.fromEntries(kinds.map((kind) => [kind.code, { value: example(kind) }])),
      },
    },
  };
}

function example(kind: ErrorKind): object {
  return toProblem(new AppError(kind, kind.code), { locale: "en", requestId: EXAMPLE_ID });
}

/** What decides about the refusals that a route does not declare, because they come before it. */
export interface Approach {
  method: string;
  path: string;
  signedIn: boolean;
  hasBody: boolean;
}

/** The errors of the edge, of reading the input, and of asking who is there. */
export function sharedErrors({ method, path, signedIn, hasBody }: Approach): ErrorKind[] {
  const operation = isOperation(new Request(`http://localhost${path}`));
  return [
    Internal,
    ...(operation ? [] : [MisdirectedHost, HttpsRequired, ValidationFailed]),
    // A body is read even where none is wanted, so that nobody can hide one from the checks.
    ...(METHODS_WITH_BODY.has(method)
      ? [MalformedBody, PayloadTooLarge, UnsupportedMediaType]
      : []),
    // Whoever reads a session or takes in something needs the database.
    ...(signedIn || hasBody ? [Overloaded, DependencyUnavailable] : []),
  ];
}
