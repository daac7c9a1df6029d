import { createKeySet } from "./key_set.ts";

/*
 * Checks access tokens with the product's public keys alone, for the middleware of a web app. It has no secret, so
 * whoever reads that server's settings can forge nothing.
 *
 * It is a convenience: whoever has to sign in is sent there before a page is made. It cannot know that a session has
 * ended or that an account is banned, so the API, which looks at each call, stays the authority. Never give data out on
 * the word of this check alone.
 */

export interface AccessTokenCheckOptions {
  /** Where the product answers; its public keys are below `/.well-known/jwks.json`. */
  origin: string | URL;
  fetch?: typeof fetch;
  /** How long the request for the public keys may take. */
  timeoutMs?: number;
  /** The time, in milliseconds since 1970. */
  now?: () => number;
}

/**
 * `good`: signed by the product, and in time. `expired`: signed by the product, and to be refreshed. `refused`: not the
 * product's. `unknown`: the public keys cannot be had, so only the API can tell.
 */
export type AccessTokenVerdict =
  | { verdict: "good"; userId: string; sessionId: string; expiresAt: Date }
  | { verdict: "expired" | "refused" | "unknown" };

/** Checks one token; it never throws. */
export type AccessTokenCheck = (token: string) => Promise<AccessTokenVerdict>;

interface Claims {
  userId: string;
  sessionId: string;
  /** Seconds since 1970. */
  notBefore: number;
  expiry: number;
}

interface Parts {
  kid: string;
  claims: Claims;
  signed: Uint8Array<ArrayBuffer>;
  signature: Uint8Array<ArrayBuffer>;
}

const KEYS_PATH = "/.well-known/jwks.json";
const KEYS_TIMEOUT_MS = 3_000;
/** What the product writes, and the only thing that is believed, whatever a token says of itself. */
const ALGORITHM = "EdDSA";
const TYPE = "at+jwt";
const ISSUER = "frm-ai";
const AUDIENCE = "frm-ai";
/** How far the clocks of two servers may be apart. */
const CLOCK_TOLERANCE_S = 5;
const MAX_TOKEN_LENGTH = 2_048;
const SIGNATURE_BYTES = 64;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Makes a check that keeps the product's public keys for a few minutes; make one for the process, not one a request. */
export function createAccessTokenCheck(options: AccessTokenCheckOptions): AccessTokenCheck {
  const { origin, timeoutMs = KEYS_TIMEOUT_MS, now = Date.now } = options;
  const url = new URL(KEYS_PATH, origin);
  const keys = createKeySet({ url, fetch: options.fetch ?? fetch, now, timeoutMs });

  return async (token) => {
    const parts = readToken(token);
    if (!parts) return { verdict: "refused" };
    const { kid, claims, signature, signed } = parts;
    let key: CryptoKey | undefined;
    try {
      key = await keys.find(kid);
    } catch {
      return { verdict: "unknown" };
    }
    if (!key || !(await crypto.subtle.verify("Ed25519", key, signature, signed)))
      return { verdict: "refused" };
    const { userId, sessionId, notBefore, expiry } = claims;
    const nowS = now() / 1_000;
    if (notBefore > nowS + CLOCK_TOLERANCE_S) return { verdict: "refused" };
    if (expiry <= nowS - CLOCK_TOLERANCE_S) return { verdict: "expired" };
    return { verdict: "good", userId, sessionId, expiresAt: new Date(expiry * 1_000) };
  };
}

/** The parts of a text that claims to be an access token of ours; undefined for anything else. */
function readToken(token: string): Parts | undefined {
  const pieces = token.length <= MAX_TOKEN_LENGTH ? token.split(".") : [];
  const [header = "", payload = "", last = ""] = pieces;
  if (pieces.length !== 3) return undefined;
  const kid = readKeyId(readJson(header));
  const claims = readClaims(readJson(payload));
  const signature = readBytes(last);
  if (kid === undefined || !claims || signature?.length !== SIGNATURE_BYTES) return undefined;
  return { kid, claims, signature, signed: new TextEncoder().encode(`${header}.${payload}`) };
}

function readKeyId(header: Record<string, unknown>): string | undefined {
  const { alg, typ, kid, crit } = header;
  // `crit` would ask us to understand something that we have never heard of.
  if (alg !== ALGORITHM || typ !== TYPE || crit !== undefined) return undefined;
  return typeof kid === "string" ? kid : undefined;
}

function readClaims(payload: Record<string, unknown>): Claims | undefined {
  const { iss, aud, sub, sid, ctr, jti, nbf, exp } = payload;
  if (iss !== ISSUER || aud !== AUDIENCE || typeof jti !== "string") return undefined;
  if (!isId(sub) || !isId(sid)) return undefined;
  if (!isCount(ctr) || !isCount(nbf) || !isCount(exp)) return undefined;
  return { userId: sub, sessionId: sid, notBefore: nbf, expiry: exp };
}

function isId(value: unknown): value is string {
  return typeof value === "string" && UUID.test(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function readJson(text: string): Record<string, unknown> {
  try {
    const bytes = readBytes(text) ?? new Uint8Array();
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The bytes of base64url in its one spelling: without padding, and without bits that stand for nothing. */
function readBytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const spelt = btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    return spelt === text ? Uint8Array.from(binary, (letter) => letter.charCodeAt(0)) : undefined;
  } catch {
    return undefined;
  }
}
