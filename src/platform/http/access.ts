import { type DocumentDecoration, Elysia } from "elysia";

import { AppError, Unauthenticated } from "../errors.ts";
import { type Json, normalizeInput, refuseRepeated } from "../text.ts";
import { readJsonBody } from "./body.ts";

/** Who may call a route. A route that does not say is refused at start. */
export const ACCESS = "x-access";

const BEARER = /^Bearer ([\w.~+/=-]{1,2048})$/i;

/** The bearer token of a request. @throws AppError unauthenticated when there is none. */
function bearerOf(request: Request): string {
  const token = findBearer(request);
  if (token === undefined)
    throw new AppError(Unauthenticated, "Cannot authenticate: no bearer token");
  return token;
}

/** The bearer token of a request, if it carries one. */
export function findBearer(request: Request): string | undefined {
  return BEARER.exec(request.headers.get("authorization") ?? "")?.[1];
}

/**
 * The two declarations of access: `signedIn: true` gives the handler a `session`, `open: true` lets everybody in.
 * The token is checked before the input is, so that a stranger learns nothing about what we would accept.
 */
export function access<Session>(authenticate: (token: string) => Promise<Session>) {
  const sessions = new WeakMap<Request, Session>();

  /** Runs before the body is read where there is one, and before anything else is looked at where there is none. */
  async function admit(request: Request): Promise<void> {
    if (!sessions.has(request)) sessions.set(request, await authenticate(bearerOf(request)));
  }
  return new Elysia({ name: "access" }).macro({
    signedIn: {
      detail: declared("signed_in", { security: [{ bearer: [] }] }),
      parse: async ({ request }) => {
        await admit(request);
        return await readJsonBody(request);
      },
      transform: async ({ request, params, query }) => {
        await admit(request);
        normalizeParameters(request, params, query);
      },
      resolve: ({ request }) => {
        const session = sessions.get(request);
        if (session === undefined) throw new Error("Cannot serve: the session was not checked");
        return { session };
      },
    },
    open: {
      detail: declared("open", {}),
      parse: async ({ request }) => await readJsonBody(request),
      transform: ({ request, params, query }) => normalizeParameters(request, params, query),
    },
  });
}

/** Path and query come decoded from the router; they follow the same rules as a body. */
function normalizeParameters(request: Request, ...parts: (object | undefined)[]): void {
  const at = request.url.indexOf("?");
  if (at !== -1) refuseRepeated(request.url.slice(at));
  // A route without parameters has no object for them, or an empty one.
  for (const values of parts)
    if (values && Object.keys(values).length > 0)
      Object.assign(values, normalizeInput({ ...values } as Json));
}

/** An extension of the OpenAPI operation, which the type of Elysia's decoration does not know. */
function declared(who: string, detail: DocumentDecoration): DocumentDecoration {
  const extension: Record<string, string> = { [ACCESS]: who };
  return { ...detail, ...extension };
}

interface Route {
  method: string;
  path: string;
  hooks: unknown;
}

/** @throws Error that names each route without a declared access, because the default is nobody. */
export function assertAccessDeclared(routes: readonly Route[]): void {
  const silent = routes.filter(({ hooks }) => {
    const { detail } = hooks as { detail?: Record<string, unknown> };
    return detail?.[ACCESS] === undefined;
  });
  const names = silent.filter(({ method }) => method !== "OPTIONS");
  if (names.length > 0)
    throw new Error(
      `Cannot serve ${names.map((route) => `"${route.method} ${route.path}"`).join(", ")}: no access is declared`,
    );
}
