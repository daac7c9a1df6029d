/*
 * Who is signed in. This server is a client of the API as a phone is: it takes the refresh token in the body of an
 * answer and keeps it. Both tokens lie in cookies that no script can read, so that
 *
 * - a server component can ask the API before the page is sent;
 * - only `proxy.ts` refreshes. A refresh token works once, and a server component cannot set the cookie for the next
 *   one, so refreshing anywhere else would end the session;
 * - code in the browser is given the access token alone, which lives for minutes, and holds it in memory.
 *
 * Chromium and Firefox count http://localhost as secure, so the cookies work in development; Safari needs https.
 */

export const ACCESS_COOKIE = "__Host-frm_access";
export const REFRESH_COOKIE = "__Host-frm_refresh";

const HARD = { httpOnly: true, secure: true, sameSite: "strict", path: "/" } as const;
/** The access token is renewed this long before its end, so that none ends on its way. */
const MARGIN_S = 30;
/** As long as the API keeps a session that nobody uses. */
const IDLE_S = 14 * 86_400;

/** What the API answers to whoever signs in or refreshes. */
interface Tokens {
  accessToken: string;
  /** Seconds. */
  expiresIn: number;
  refreshToken?: string;
}

interface CookieStore {
  set: (name: string, value: string, options: typeof HARD & { maxAge: number }) => unknown;
}

export function keepTokens(store: CookieStore, tokens: Tokens): void {
  const { accessToken, expiresIn, refreshToken } = tokens;
  store.set(ACCESS_COOKIE, accessToken, { ...HARD, maxAge: Math.max(1, expiresIn - MARGIN_S) });
  if (refreshToken) store.set(REFRESH_COOKIE, refreshToken, { ...HARD, maxAge: IDLE_S });
}

export function dropTokens(store: CookieStore): void {
  for (const name of [ACCESS_COOKIE, REFRESH_COOKIE]) store.set(name, "", { ...HARD, maxAge: 0 });
}
