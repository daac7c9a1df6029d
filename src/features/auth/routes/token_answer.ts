import { refreshCookie } from "../../../platform/http/cookies.ts";
import type { SignIn } from "../service/accounts.ts";

type Headers = Record<string, string | number | string[] | undefined>;

/** The refresh token goes into the cookie, unless a native client asked for it; never into both. */
export function answer(
  signIn: SignIn,
  transport: "cookie" | "body" | undefined,
  { headers, idleMs }: { headers: Headers; idleMs: number },
) {
  const { refreshToken, ...rest } = signIn;
  if (transport === "body") return { ...rest, refreshToken };
  headers["set-cookie"] = refreshCookie(refreshToken, idleMs / 1_000);
  return rest;
}
