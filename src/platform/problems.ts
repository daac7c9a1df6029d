import { type TSchema, Type } from "@sinclair/typebox";
import { Errors } from "@sinclair/typebox/errors";
import { NotFoundError, ParseError, t, ValidationError } from "elysia";

import {
  AppError,
  type ErrorKind,
  type FieldError,
  Internal,
  type Locale,
  MalformedBody,
  NotFound,
  ValidationFailed,
} from "./errors.ts";
import { EXAMPLE_ID } from "./schema.ts";
import { UnfitText } from "./text.ts";
import { explain, type Explainer } from "./validation.ts";

/** An error as it goes to the caller: RFC 9457 with our stable `code`. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  instance: string;
  requestId: string;
  errors?: { pointer: string; code: string; message: string }[];
}

/** Who asks, as far as an error's text depends on it. */
export interface ProblemContext {
  locale: Locale;
  requestId: string;
}

/** The kind behind anything that was thrown, and whether it is a bug of ours. */
export interface Verdict {
  kind: ErrorKind;
  error: AppError;
  bug: boolean;
}

/** Sorts what was thrown, by class: expected failures keep their kind, everything else is a bug. */
export function judge(thrown: unknown): Verdict {
  const error = thrown instanceof ParseError ? (thrown.cause ?? thrown) : thrown;
  if (error instanceof AppError) return expected(error);
  if (error instanceof NotFoundError) return expected(new AppError(NotFound, "No such route"));
  if (error instanceof ParseError || error instanceof SyntaxError)
    return expected(new AppError(MalformedBody, "Cannot parse the body"));
  if (error instanceof UnfitText) return expected(invalid([error.field]));
  // An answer of ours that breaks its own schema is our bug, not the caller's.
  if (error instanceof ValidationError && error.type !== "response")
    return expected(invalid(explain(explainerOf(error.validator), error.value)));
  return {
    kind: Internal,
    error: new AppError(Internal, "Unexpected", { cause: thrown }),
    bug: true,
  };
}

/** Elysia puts the bare schema there when a number in a query or a path is out of its range. */
function explainerOf(validator: unknown): Explainer {
  if (typeof (validator as Partial<Explainer>).Errors === "function") return validator as Explainer;
  return { Errors: (value) => Errors(validator as TSchema, [], value) };
}

function expected(error: AppError): Verdict {
  return { kind: error.kind, error, bug: error.kind.status >= 500 && error.kind === Internal };
}

/** A refusal of input that names each wrong field. */
function invalid(errors: FieldError[]): AppError {
  return new AppError(ValidationFailed, "Cannot take the input", { errors });
}

export function toProblem(error: AppError, context: ProblemContext): Problem {
  const { kind, extras } = error;
  const { locale, requestId } = context;
  return {
    type: `urn:frm-ai:error:${kind.code}`,
    title: kind.title[locale],
    status: kind.status,
    code: kind.code,
    detail: (extras.detail ?? kind.title)[locale],
    instance: `urn:request:${requestId}`,
    requestId,
    ...(extras.errors
      ? {
          errors: extras.errors.map(({ pointer, code, message }) => ({
            pointer,
            code,
            message: message[locale],
          })),
        }
      : {}),
  };
}

type CodesOf<K extends ErrorKind, S extends number> = Extract<K, { status: S }>["code"];

/** The title by which the schema of a problem is known among those of other answers. */
export const PROBLEM = "Problem";

export function problemSchema<const C extends string>(codes: readonly C[]) {
  const field = t.Object({
    pointer: t.String({ description: "JSON Pointer into what was sent", examples: ["/email"] }),
    code: t.String({ description: "stable, for programs", examples: ["format"] }),
    message: t.String({ description: "for people", examples: ["has the wrong format"] }),
  });
  return t.Object(
    {
      type: t.String({ description: "names the code", examples: ["urn:frm-ai:error:not_found"] }),
      title: t.String({ description: "what the code means, in the language of the caller" }),
      status: Type.Integer({ description: "the HTTP status" }),
      code: t.Unsafe<C>(t.Union(codes.map((code) => t.Literal(code)))),
      detail: t.String({ description: "what went wrong this time, for people" }),
      instance: t.String({ examples: [`urn:request:${EXAMPLE_ID}`] }),
      requestId: t.String({ description: "the same as X-Request-Id", examples: [EXAMPLE_ID] }),
      errors: t.Optional(t.Array(field, { description: "the fields that are wrong" })),
    },
    { title: PROBLEM, description: "An error, after RFC 9457, with a stable `code`." },
  );
}

type ProblemResponses<K extends ErrorKind> = {
  [S in K["status"]]: ReturnType<typeof problemSchema<CodesOf<K, S>>>;
};

/**
 * The `response` entries of the errors that a route may answer, grouped by status, so that a typed client knows which
 * codes to expect: `response: { 200: Me, ...problems(Unauthenticated, NotFound) }`.
 */
export function problems<const K extends ErrorKind[]>(...kinds: K): ProblemResponses<K[number]> {
  const byStatus = Map.groupBy(kinds, (kind) => kind.status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [status, problemSchema(group.map(({ code }) => code))]),
  ) as unknown as ProblemResponses<K[number]>;
}

/** The caller's language: the first of Accept-Language that we speak, else English. */
export function localeOf(acceptLanguage: string | null): Locale {
  const wanted = (acceptLanguage ?? "").slice(0, 200).toLowerCase().split(",");
  for (const entry of wanted) {
    const language = entry.trim().split(/[-;]/)[0];
    if (language === "vi" || language === "en") return language;
  }
  return "en";
}
