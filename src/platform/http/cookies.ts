import type { Config } from "../config.ts";
import { AppError, CsrfRejected, OriginNotAllowed } from "../errors.ts";

/** The `__Host-` prefix makes browsers insist on Secure, Path=/ and no Domain. */
const REFRESH_COOKIE = "__Host-frm_refresh";

/** A cookie as long-lived as an idle session may be. Deleting it takes the same attributes, or browsers ignore it. */
export function refreshCookie(value: string, maxAgeS: number): string {
  return new Bun.Cookie(REFRESH_COOKIE, value, {
    httpOnly: true,
    secure: true,
    path: "/",
    sameSite: "strict",
    maxAge: maxAgeS,
  }).toString();
}

export function readRefreshCookie(request: Request): string | undefined {
  const cookies = new Bun.CookieMap(request.headers.get("cookie") ?? "");
  return cookies.get(REFRESH_COOKIE) ?? undefined;
}

/**
 * A call that is authenticated by a cookie must come from a page of ours: browsers add the cookie to anybody's call,
 * but nobody else's page can add our header, nor lie about where it stands. @throws AppError csrf_rejected.
 */
export function assertOwnPage(config: Config, request: Request): void {
  const { headers } = request;
  const origin = headers.get("origin");
  const fromUs =
    origin === null
      ? headers.get("sec-fetch-site") === "same-origin"
      : isOwnOrigin(config, request, origin);
  if (headers.get("x-frm-csrf") !== "1" || !fromUs)
    throw new AppError(CsrfRejected, "Cannot accept a cookie from another page");
}

/** A refresh token in the body is for clients that are no browser. @throws AppError origin_not_allowed. */
export function assertNoBrowser(request: Request): void {
  if (request.headers.has("origin"))
    throw new AppError(OriginNotAllowed, "Cannot hand a refresh token to a page");
}

/**
 * A page of somebody else would sign its visitor in to an account that it knows, and read along in it.
 * @throws AppError origin_not_allowed.
 */
export function assertNoForeignPage(config: Config, request: Request): void {
  const origin = request.headers.get("origin");
  if (origin !== null && !isOwnOrigin(config, request, origin))
    throw new AppError(OriginNotAllowed, `Cannot set a cookie for a page of "${origin}"`);
}

/** True for the web origins that the operator named, and for our own. */
export function isOwnOrigin(config: Config, request: Request, origin: string): boolean {
  if (config.webOrigins.includes(origin)) return true;
  if (config.publicUrl) return origin === config.publicUrl.origin;
  const scheme = config.tls ? "https" : "http";
  return !config.production && origin === `${scheme}://${request.headers.get("host") ?? ""}`;
}
