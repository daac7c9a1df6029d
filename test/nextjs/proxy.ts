import { createApi } from "@frm-ai/client";
import { type NextRequest, NextResponse } from "next/server";

import { apiUrl, passOn } from "./server/api.ts";
import { contentPolicy } from "./server/policy.ts";
import { ACCESS_COOKIE, dropTokens, keepTokens, REFRESH_COOKIE } from "./server/session.ts";

/** All pages, and the browser's own way to its token. */
export const config = { matcher: ["/", "/sign-in", "/conversations/:path*", "/session"] };

const NEEDS_SESSION = /^\/(?:conversations|session)(?:\/|$)/;
const POLICY = "content-security-policy";

/** Runs before them: renews an access token that has run out, and says what the page may load. */
export async function proxy(request: NextRequest): Promise<NextResponse> {
  // Next reads the nonce for its own scripts from the request.
  const policy = contentPolicy(btoa(crypto.randomUUID()));
  request.headers.set(POLICY, policy);
  const needsSession = NEEDS_SESSION.test(request.nextUrl.pathname);
  const response = needsSession ? await admit(request) : NextResponse.next({ request });
  response.headers.set(POLICY, policy);
  return response;
}

async function admit(request: NextRequest): Promise<NextResponse> {
  if (request.cookies.has(ACCESS_COOKIE)) return NextResponse.next({ request });
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
  if (error.status === 401) return signInFirst(request);
  // The API is away, which is no reason to sign anybody out.
  return isSession(request)
    ? NextResponse.json({ code: error.value.code }, { status: 503 })
    : NextResponse.rewrite(new URL("/unavailable", request.url), { request, status: 503 });
}

/** A script of ours asks for it, which wants a code and no page. */
function isSession(request: NextRequest): boolean {
  return request.nextUrl.pathname === "/session";
}

function signInFirst(request: NextRequest): NextResponse {
  const response = isSession(request)
    ? NextResponse.json({ code: "unauthenticated" }, { status: 401 })
    : NextResponse.redirect(new URL("/sign-in", request.url));
  dropTokens(response.cookies);
  return response;
}
