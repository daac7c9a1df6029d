import { cookies } from "next/headers";

import { ACCESS_COOKIE } from "../../server/session.ts";

/**
 * Hands the access token to our own page, for calls through the rewrite and for the socket's ticket. The cookie goes
 * with requests of this site only, and no other origin may read the answer.
 */
export async function GET(): Promise<Response> {
  const accessToken = (await cookies()).get(ACCESS_COOKIE)?.value;
  if (accessToken === undefined) return Response.json({ code: "unauthenticated" }, { status: 401 });
  return Response.json(
    { accessToken, expiresAt: expiryOf(accessToken) },
    { headers: { "cache-control": "no-store", "cross-origin-resource-policy": "same-origin" } },
  );
}

/** Milliseconds since 1970. The token is our own, so it is read without being verified. */
function expiryOf(accessToken: string): number {
  const [, payload = ""] = accessToken.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as { exp: number };
  return claims.exp * 1000;
}
