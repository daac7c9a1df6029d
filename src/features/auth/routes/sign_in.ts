import { Elysia } from "elysia";

import type { Config } from "../../../platform/config.ts";
import {
  AlreadyExists,
  AppError,
  CsrfRejected,
  OriginNotAllowed,
  Overloaded,
  SessionRevoked,
  TokenExpired,
  TokenInvalid,
  TooManyAttempts,
  Unauthenticated,
  ValidationFailed,
} from "../../../platform/errors.ts";
import { findBearer, SIGNED_IN_REFUSALS } from "../../../platform/http/access.ts";
import {
  type AddressSource,
  createClientAddress,
  networkOf,
} from "../../../platform/http/client_address.ts";
import { assertOwnPage, readRefreshCookie, refreshCookie } from "../../../platform/http/cookies.ts";
import type { Platform } from "../../../platform/platform.ts";
import { localeOf, problems } from "../../../platform/problems.ts";
import { TotpInvalid, TotpRequired } from "../../mfa/mod.ts";
import { auth } from "../mod.ts";
import {
  AccountBanned,
  InvalidCredentials,
  KeySet,
  LoginBody,
  Me,
  operations,
  RefreshBody,
  RefreshReused,
  RefreshSuperseded,
  RegisterBody,
  SignedIn,
} from "../schema.ts";
import { deviceOf } from "../service/devices.ts";
import { findSessionOf, refresh } from "../service/refresh.ts";
import { logOut } from "../service/session_end.ts";
import { getMe, type Origin } from "../service/sessions.ts";
import { logInWithin, registerWithin } from "../service/sign_in.ts";
import { answer, assertMayHold } from "./token_answer.ts";

const registerRefused = problems(
  OriginNotAllowed,
  AlreadyExists,
  ValidationFailed,
  TooManyAttempts,
  Overloaded,
);
const loginRefused = problems(
  InvalidCredentials,
  TotpRequired,
  TotpInvalid,
  AccountBanned,
  OriginNotAllowed,
  ValidationFailed,
  TooManyAttempts,
  Overloaded,
);
const refreshRefused = problems(
  Unauthenticated,
  TokenInvalid,
  SessionRevoked,
  RefreshReused,
  RefreshSuperseded,
  CsrfRejected,
  ValidationFailed,
);
const logoutRefused = problems(TokenExpired, TokenInvalid, CsrfRejected, ValidationFailed);

/** POST /v1/auth/{register,login,refresh,logout} · GET /v1/me · GET /.well-known/jwks.json */
export function authRoutes(platform: Platform) {
  const { config } = platform;
  const idleMs = config.sessionIdleMs;
  const whence = createWhence(config);
  return new Elysia({ name: "auth.routes", detail: { tags: ["auth"] } })
    .use(auth(platform))
    .post(
      "/v1/auth/register",
      async ({ body, request, server, set }) => {
        assertMayHold(config, request, body.transport);
        const locale = localeOf(request.headers.get("accept-language") ?? "vi");
        const signIn = await registerWithin(platform, {
          ...body,
          ...whence(request, server),
          locale,
        });
        set.status = 201;
        set.headers["location"] = "/v1/me";
        return answer(signIn, body.transport, { headers: set.headers, idleMs });
      },
      {
        open: true,
        body: RegisterBody,
        response: { 201: SignedIn, ...registerRefused },
        detail: operations.register,
      },
    )
    .post(
      "/v1/auth/login",
      async ({ body, request, server, set }) => {
        assertMayHold(config, request, body.transport);
        const signIn = await logInWithin(platform, { ...body, ...whence(request, server) });
        return answer(signIn, body.transport, { headers: set.headers, idleMs });
      },
      {
        open: true,
        body: LoginBody,
        response: { 200: SignedIn, ...loginRefused },
        detail: operations.login,
      },
    )
    .post(
      "/v1/auth/refresh",
      async ({ body, request, set }) => {
        const given = presented(request, body?.refreshToken);
        if (!given) throw new AppError(Unauthenticated, "Cannot refresh: no refresh token");
        if (given.transport === "cookie") assertOwnPage(config, request);
        return answer(await refresh(platform, given.token), given.transport, {
          headers: set.headers,
          idleMs,
        });
      },
      {
        open: true,
        body: RefreshBody,
        response: { 200: SignedIn, ...refreshRefused },
        detail: operations.refresh,
      },
    )
    .post(
      "/v1/auth/logout",
      async ({ body, request, set }) => {
        const given = presented(request, body?.refreshToken);
        const byBearer = await findBearerSession(platform, request, given);
        if (given?.transport === "cookie" && !byBearer) assertOwnPage(config, request);
        const ids = byBearer ?? (given && (await findSessionOf(platform, given.token)));
        if (ids) await logOut(platform, ids);
        // A form on another site comes without the cookie, and must not take it out of the browser either.
        if (given || byBearer || !request.headers.has("origin")) {
          set.headers["set-cookie"] = refreshCookie("", 0);
          set.headers["clear-site-data"] = '"cache"';
        }
        set.status = 204;
      },
      { open: true, body: RefreshBody, response: logoutRefused, detail: operations.logout },
    )
    .get("/v1/me", ({ session }) => getMe(session), {
      signedIn: true,
      response: { 200: Me, ...problems(...SIGNED_IN_REFUSALS) },
      detail: operations.getMe,
    })
    .get(
      "/.well-known/jwks.json",
      ({ set }) => {
        set.headers["cache-control"] = "public, max-age=300";
        return platform.tokens.publicKeys();
      },
      { open: true, response: { 200: KeySet }, detail: operations.listKeys },
    );
}

/** Where a sign-in comes from: as its owner will recognise it, and exactly, which is not kept. */
function createWhence(config: Config) {
  const addressOf = createClientAddress(config.trustedProxies);
  return (request: Request, server: AddressSource | null) => {
    const address = addressOf(request, server);
    const device = deviceOf(request.headers.get("user-agent"));
    const origin: Origin = { device, network: networkOf(address) ?? "" };
    return { address, origin };
  };
}

interface Presented {
  token: string;
  transport: "cookie" | "body";
}

/** The refresh token that the caller shows; one in the body was put there on purpose and comes first. */
function presented(request: Request, inBody: string | undefined): Presented | undefined {
  if (inBody !== undefined) return { token: inBody, transport: "body" };
  const cookie = readRefreshCookie(request);
  return cookie === undefined ? undefined : { token: cookie, transport: "cookie" };
}

/**
 * The session of the bearer token, undefined without one. One that has expired is as good as none where a refresh token
 * comes with it: whoever comes back late wants to be signed out all the same. Any other bad one is refused.
 */
async function findBearerSession(
  platform: Platform,
  request: Request,
  given: Presented | undefined,
): Promise<Parameters<typeof logOut>[1] | undefined> {
  const bearer = findBearer(request);
  if (bearer === undefined) return undefined;
  try {
    return await platform.tokens.verify(bearer);
  } catch (error) {
    if (given && error instanceof AppError && error.kind === TokenExpired) return undefined;
    throw error;
  }
}
