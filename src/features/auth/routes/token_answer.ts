import type { Config } from "../../../platform/config.ts";
import {
  assertNoBrowser,
  assertNoForeignPage,
  refreshCookie,
} from "../../../platform/http/cookies.ts";
import type { SignIn } from "../service/accounts.ts";

type Transport = "cookie" | "body" | undefined;
type Headers = Record<string, string | number | string[] | undefined>;

/** Asks whether the caller may get a refresh token that way, before anything is done for it. @throws AppError origin_not_allowed. */
export function assertMayHold(config: Config, request: Request, transport: Transport): void {
  if (transport === "body") assertNoBrowser(request);
  else assertNoForeignPage(config, request);
}

/** The refresh token goes into the cookie, unless a native client asked for it; never into both. */
export function answer(
  signIn: SignIn,
  transport: Transport,
  { headers, idleMs }: { headers: Headers; idleMs: number },
) {
  const { refreshToken, ...rest } = signIn;
  if (transport === "body") return { ...rest, refreshToken };
  headers["set-cookie"] = refreshCookie(refreshToken, idleMs / 1_000);
  return rest;
}
