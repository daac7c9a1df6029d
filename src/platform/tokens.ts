import { jwt } from "@elysiajs/jwt";

import { AppError, TokenExpired, TokenInvalid } from "./errors.ts";
import type { SigningKey } from "./settings.ts";

/** What an access token says: who, and in which session. Everything else is read live. */
export interface AccessClaims {
  userId: string;
  sessionId: string;
  /** Position of the refresh token that came with it, so that its use shows that both arrived. */
  counter: number;
}

/** What an access token says that was found good, and until when. */
export interface VerifiedClaims extends AccessClaims {
  /** Milliseconds since the epoch. */
  validUntil: number;
}

export interface AccessToken {
  token: string;
  /** Seconds until it expires. */
  expiresIn: number;
}

/** RFC 9068 access tokens, signed with Ed25519. */
export interface Tokens {
  sign(claims: AccessClaims): Promise<AccessToken>;
  /** Answers at once what is known already. @throws AppError token_expired or token_invalid. */
  verify(token: string): VerifiedClaims | Promise<VerifiedClaims>;
  /** Public halves of all keys, as a JSON Web Key Set. */
  publicKeys(): { keys: PublicKey[] };
  /**
   * Derives a secret for one purpose from each key, newest first, so that the same key never serves two. What was made
   * with one of them is understood for as long as its key is listed.
   */
  derive(purpose: string): DerivedKeys;
}

export interface DerivedKey {
  /** Of the signing key that it was derived from. */
  kid: string;
  secret: Uint8Array;
}
export type DerivedKeys = [DerivedKey, ...DerivedKey[]];

export interface PublicKey {
  kty: "OKP";
  crv: "Ed25519";
  x: string;
  kid: string;
  use: "sig";
  alg: "EdDSA";
}

const ACCESS_LIFE_S = 600;
const ISSUER = "frm-ai";
const AUDIENCE = "frm-ai";
const TYPE = "at+jwt";
const CLOCK_TOLERANCE_S = 5;
const MAX_TOKEN_LENGTH = 2_048;
/** Tokens that are known to be good; a client shows the same one for ten minutes. */
const MAX_VERIFIED = 10_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @param keys newest first: the first one signs, all of them verify. */
export function createTokens(keys: SigningKey[], now: () => Date): Tokens {
  const [newest] = keys;
  if (!newest) throw new Error("Cannot create tokens: there is no signing key");
  const signer = plugin(newest, newest.kid);
  const verifiers = new Map(keys.map((key) => [key.kid, plugin(publicHalf(key), key.kid)]));
  const verified = createVerified(now);

  async function check(token: string): Promise<Verified> {
    const isReadable = token.length <= MAX_TOKEN_LENGTH && isCanonical(token);
    const kid = isReadable ? keyIdOf(token) : undefined;
    const verifier = kid === undefined ? undefined : verifiers.get(kid);
    if (!verifier) throw new AppError(TokenInvalid, "Cannot verify a token: unknown key");
    const payload = await verifier.verify(token, verifyOptions(now()));
    if (payload === false) throw await refusal(verifier, token, now());
    const { sub, sid, ctr, exp, nbf } = payload as Record<string, unknown>;
    const known = typeof sub === "string" && typeof sid === "string" && Number.isSafeInteger(ctr);
    if (!known || !UUID.test(sub) || !UUID.test(sid))
      throw new AppError(TokenInvalid, "Cannot verify a token: wrong claims");
    const validUntil = Number(exp) * 1_000;
    const claims = { userId: sub, sessionId: sid, counter: Number(ctr), validUntil };
    return { claims, fromMs: Number(nbf) * 1_000 };
  }

  async function checkOnce(token: string): Promise<VerifiedClaims> {
    const fresh = await check(token);
    verified.keep(token, fresh);
    return fresh.claims;
  }

  return {
    sign: async ({ userId, sessionId, counter }) => {
      const issuedAt = Math.floor(now().getTime() / 1_000);
      const token = await signer.sign({
        sub: userId,
        sid: sessionId,
        ctr: counter,
        jti: Bun.randomUUIDv7(),
        iss: ISSUER,
        aud: AUDIENCE,
        nbf: issuedAt,
        exp: issuedAt + ACCESS_LIFE_S,
      });
      return { token, expiresIn: ACCESS_LIFE_S };
    },
    verify: (token) => verified.find(token) ?? checkOnce(token),
    publicKeys: () => ({ keys: keys.map((key) => publicHalf(key)) }),
    derive: (purpose) => [
      deriveKey(newest, purpose),
      ...keys.slice(1).map((key) => deriveKey(key, purpose)),
    ],
  };
}

function deriveKey({ kid, d }: SigningKey, purpose: string): DerivedKey {
  const secret = new Bun.CryptoHasher("sha256", d).update(`frm-ai ${purpose}`).digest();
  return { kid, secret };
}

interface Verified {
  claims: VerifiedClaims;
  fromMs: number;
}

/**
 * Checking a signature costs more than all the rest of a small request, so what was found good is remembered until it
 * expires. Whether the session still lives is another question, which is asked every time.
 */
function createVerified(now: () => Date) {
  const tokens = new Map<string, Verified>();
  return {
    find: (token: string): VerifiedClaims | undefined => {
      const known = tokens.get(token);
      if (!known) return undefined;
      const time = now().getTime();
      if (time >= known.fromMs && time < known.claims.validUntil) return known.claims;
      tokens.delete(token);
      return undefined;
    },
    keep: (token: string, fresh: Verified): void => {
      const [oldest] = tokens.size >= MAX_VERIFIED ? tokens.keys() : [];
      if (oldest !== undefined) tokens.delete(oldest);
      tokens.set(token, fresh);
    },
  };
}

/** The plugin's own functions, without a server: services sign and verify through this seam. */
function plugin(secret: SigningKey | PublicKey, kid: string) {
  return jwt({ secret, alg: "EdDSA", typ: TYPE, kid }).decorator.jwt;
}

type Verifier = ReturnType<typeof plugin>;

function verifyOptions(currentDate: Date) {
  return {
    algorithms: ["EdDSA"],
    issuer: ISSUER,
    audience: AUDIENCE,
    typ: TYPE,
    requiredClaims: ["exp", "nbf", "sub", "sid", "ctr", "jti"],
    clockTolerance: CLOCK_TOLERANCE_S,
    currentDate,
  };
}

/** The plugin answers false whatever is wrong, so a good signature is looked for as of the time the token names. */
async function refusal(verifier: Verifier, token: string, now: Date): Promise<AppError> {
  const expiry = expiryOf(token);
  if (expiry !== undefined && expiry * 1_000 < now.getTime()) {
    const then = new Date((expiry - 1) * 1_000);
    if ((await verifier.verify(token, verifyOptions(then))) !== false)
      return new AppError(TokenExpired, "Cannot verify a token: it has expired");
  }
  return new AppError(TokenInvalid, "Cannot verify a token: signature or claims are wrong");
}

/**
 * The last letter of a signature has bits that stand for no byte, and decoders overlook padding: without this, one
 * token would have many spellings, and what is known of one of them would not be known of the others.
 */
function isCanonical(token: string): boolean {
  return token
    .split(".")
    .every((piece) => Buffer.from(piece, "base64url").toString("base64url") === piece);
}

function keyIdOf(token: string): string | undefined {
  const kid = part(token, 0)?.["kid"];
  return typeof kid === "string" ? kid : undefined;
}

function expiryOf(token: string): number | undefined {
  const exp = part(token, 1)?.["exp"];
  return typeof exp === "number" && Number.isSafeInteger(exp) && exp > 0 ? exp : undefined;
}

function part(token: string, index: number): Record<string, unknown> | undefined {
  const pieces = token.split(".");
  if (pieces.length !== 3) return undefined;
  try {
    const text = new TextDecoder().decode(
      Uint8Array.fromBase64(pieces[index] ?? "", { alphabet: "base64url" }),
    );
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function publicHalf(key: SigningKey): PublicKey {
  return { kty: key.kty, crv: key.crv, x: key.x, kid: key.kid, use: "sig", alg: "EdDSA" };
}

/** A new Ed25519 key pair; used where development has none. */
export async function generateSigningKey(): Promise<SigningKey> {
  const pair = (await crypto.subtle.generateKey("Ed25519", true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const { x, d } = await crypto.subtle.exportKey("jwk", pair.privateKey);
  if (x === undefined || d === undefined) throw new Error("Cannot export a signing key");
  return { kty: "OKP", crv: "Ed25519", x, d, kid: Bun.randomUUIDv7() };
}
