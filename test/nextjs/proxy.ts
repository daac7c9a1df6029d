import { createApi } from "@frm-ai/client";
import { createAccessTokenCheck } from "@frm-ai/client/access-token";
import { type NextRequest, NextResponse } from "next/server";

import { apiUrl, passOn } from "./server/api.ts";
import { contentPolicy } from "./server/policy.ts";
import { ACCESS_COOKIE, dropTokens, keepTokens, REFRESH_COOKIE } from "./server/session.ts";

/** All pages, and the browser's own way to its token. */
export const config = {
  matcher: [
    "/",
    "/sign-in",
    "/forgotten-password",
    "/verify-email",
    "/reset-password",
    "/confirm-email",
    "/account",
    "/conversations/:path*",
    "/session",
  ],
};

const NEEDS_SESSION = /^\/(?:account|conversations|session)(?:\/|$)/;
/** What links in mails lead to. No address of these pages is told to anybody, not even to our own. */
const MAILED = /^\/(?:verify-email|reset-password|confirm-email)$/;
const POLICY = "content-security-policy";

/** Needs nothing secret: it asks the API for its public keys. */
const checkToken = createAccessTokenCheck({ origin: apiUrl() });

/**
 * Runs before them: sends to the sign-in whoever has no token of ours, renews one that has run out, and says what the
 * page may load. It keeps nothing safe: what a page shows comes from the API, which decides by itself.
 */
export async function proxy(request: NextRequest): Promise<NextResponse> {
  // Next reads the nonce for its own scripts from the request.
  const policy = contentPolicy(btoa(crypto.randomUUID()));
  request.headers.set(POLICY, policy);
  const needsSession = NEEDS_SESSION.test(request.nextUrl.pathname);
  const response = needsSession ? await admit(request) : NextResponse.next({ request });
  response.headers.set(POLICY, policy);
  if (MAILED.test(request.nextUrl.pathname)) response.headers.set("referrer-policy", "no-referrer");
  return response;
}

async function admit(request: NextRequest): Promise<NextResponse> {
  const accessToken = request.cookies.get(ACCESS_COOKIE)?.value;
  const { verdict } =
    accessToken === undefined ? { verdict: "expired" } : await checkToken(accessToken);
  // Without the public keys nobody is turned away here: the API says who may see what in any case.
  if (verdict === "good" || verdict === "unknown") return NextResponse.next({ request });
  const refreshToken = request.cookies.get(REFRESH_COOKIE)?.value;
  if (refreshToken === undefined) return signInFirst(request);
  const api = createApi(apiUrl(), { headers: passOn(request.headers) });
  const { data, error } = await api.v1.auth.refresh.post({ refreshToken });
  if (data) {
    // The page that is about to be made reads its cookies from the request, and the browser from the answer.
    request.cookies.set(ACCESS_COOKIE, data.accessToken);
    const response = NextResponse.next({ request });
    keepTokens(response.cookies, data);
    return response;
  }
  const { code } = error.value;
  // Another request of this browser has refreshed before, and its cookies are newer: they must not be dropped.
  if (error.status === 401 && code !== "refresh_superseded") return signInFirst(request);
  return comeBack(request, code);
}

/** The API is away, or was faster than we were; neither is a reason to sign anybody out. */
function comeBack(request: NextRequest, code: string): NextResponse {
  if (isSession(request)) return NextResponse.json({ code }, { status: 503 });
  const headers: Record<string, string> = code === "refresh_superseded" ? { refresh: "1" } : {};
  return NextResponse.rewrite(new URL("/unavailable", request.url), {
    request,
    headers,
    status: 503,
  });
}

/** A script of ours asks for it, which wants a code and no page. */
function isSession(request: NextRequest): boolean {
  return request.nextUrl.pathname === "/session";
}

function signInFirst(request: NextRequest): NextResponse {
  const shown = [ACCESS_COOKIE, REFRESH_COOKIE].some((name) => request.cookies.has(name));
  if (!shown && isSentByOthers(request))
    return new NextResponse(null, { headers: { refresh: "0" } });
  const response = isSession(request)
    ? NextResponse.json({ code: "unauthenticated" }, { status: 401 })
    : NextResponse.redirect(new URL("/sign-in", request.url));
  // Only what was shown and is no good. Else any other site could sign people out by sending them here.
  if (shown) dropTokens(response.cookies);
  return response;
}

/**
 * Another site has led somebody here, by a link or from a mail. Browsers keep strict cookies back then, so whether they
 * are signed in shows only when the page asks for itself again.
 */
function isSentByOthers({ method, headers }: NextRequest): boolean {
  const [site, mode] = [headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")];
  return method === "GET" && site === "cross-site" && mode === "navigate";
}
