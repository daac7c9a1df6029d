import { type DocumentDecoration, Elysia } from "elysia";

import {
  AppError,
  NotFound,
  SessionRevoked,
  TokenExpired,
  TokenInvalid,
  Unauthenticated,
} from "../errors.ts";
import { type AccountRole, hasPermission, type Permission } from "../permissions.ts";
import { type Json, normalizeInput, refuseRepeated } from "../text.ts";
import { readJsonBody } from "./body.ts";

/** Who may call a route. A route that does not say is refused at start. */
export const ACCESS = "x-access";
const MAY = "may ";
/** Below this only those come who were given a permission. */
const ADMIN_PATH = /^\/v1\/admin(?:\/|$)/;

const BEARER = /^Bearer ([\w.~+/=-]{1,2048})$/i;

/** What every route answers that asks for a signed-in caller, when there is none. */
export const SIGNED_IN_REFUSALS = [
  Unauthenticated,
  TokenExpired,
  TokenInvalid,
  SessionRevoked,
] as const;

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
 * The declarations of access: `signedIn: true` gives the handler a `session`, `may: "users.read"` does so for those
 * alone whose role has the permission, and `open: true` lets everybody in. The token is checked before the input is, so
 * that a stranger learns nothing about what we would accept.
 */
export function access<Session extends { role: AccountRole }>(
  authenticate: (token: string) => Promise<Session>,
) {
  const sessions = new WeakMap<Request, Session>();

  /** Runs before the body is read where there is one, and before anything else is looked at where there is none. */
  async function admit(request: Request, permission: Permission | undefined): Promise<void> {
    const session = sessions.get(request) ?? (await authenticate(bearerOf(request)));
    // Whoever may not learns no more than where there is no such route.
    if (permission !== undefined && !hasPermission(session.role, permission))
      throw new AppError(NotFound, `Cannot serve: it takes the permission "${permission}"`);
    sessions.set(request, session);
  }
  function closed(who: string, permission?: Permission) {
    return {
      detail: declared(who, { security: [{ bearer: [] }] }),
      parse: async ({ request }: { request: Request }) => {
        await admit(request, permission);
        return await readJsonBody(request);
      },
      transform: async ({ request, params, query }: Asked) => {
        await admit(request, permission);
        normalizeParameters(request, params, query);
      },
      resolve: ({ request }: { request: Request }) => {
        const session = sessions.get(request);
        if (session === undefined) throw new Error("Cannot serve: the session was not checked");
        return { session };
      },
    };
  }
  return new Elysia({ name: "access" }).macro({
    signedIn: closed("signed_in"),
    may: (permission: Permission) => closed(`${MAY}${permission}`, permission),
    open: {
      detail: declared("open", {}),
      parse: async ({ request }) => await readJsonBody(request),
      transform: ({ request, params, query }) => normalizeParameters(request, params, query),
    },
  });
}

/** What the framework has read of a request before its body. */
interface Asked {
  request: Request;
  params: object | undefined;
  query: object | undefined;
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

/**
 * @throws Error that names each route without a declared access, because the default is nobody, and each one for
 * admins that asks for no permission.
 */
export function assertAccessDeclared(routes: readonly Route[]): void {
  const served = routes.filter(({ method }) => method !== "OPTIONS");
  refuse(served, "no access is declared", (_path, access) => access === undefined);
  refuse(
    served,
    "no permission is asked for",
    (path, access) => ADMIN_PATH.test(path) && !access?.startsWith(MAY),
  );
}

function refuse(
  routes: Route[],
  problem: string,
  isWrong: (path: string, access: string | undefined) => boolean,
): void {
  const wrong = routes.filter(({ path, hooks }) => {
    const { detail } = hooks as { detail?: Record<string, string | undefined> };
    return isWrong(path, detail?.[ACCESS]);
  });
  if (wrong.length > 0)
    throw new Error(
      `Cannot serve ${wrong.map(({ method, path }) => `"${method} ${path}"`).join(", ")}: ${problem}`,
    );
}
