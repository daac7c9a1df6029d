import { timingSafeEqual } from "node:crypto";

/** What a refresh token carries beside its message authentication code. */
export interface RefreshToken {
  userId: string;
  sessionId: string;
  /** Position in the session's chain of tokens. */
  counter: number;
}

const PREFIX = "frt1_";
const MAC_BYTES = 16;
const BODY_BYTES = 16 + 16 + 4;

/**
 * Writes the token of one position: user, session, counter and an HMAC over them under the session's own key. The same
 * position always gives the same token, so that answers to a repeated refresh are identical and no token is stored.
 */
export function writeRefreshToken(token: RefreshToken, key: Uint8Array): string {
  const body = Buffer.alloc(BODY_BYTES);
  body.write(token.userId.replaceAll("-", ""), 0, "hex");
  body.write(token.sessionId.replaceAll("-", ""), 16, "hex");
  body.writeUInt32BE(token.counter, 32);
  return PREFIX + Buffer.concat([body, macOf(body, key)]).toString("base64url");
}

/** Reads a token without believing it; undefined when it does not even look like one. */
export function readRefreshToken(text: string): RefreshToken | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  const bytes = Buffer.from(text.slice(PREFIX.length), "base64url");
  const canonical = PREFIX + bytes.toString("base64url") === text;
  if (bytes.length !== BODY_BYTES + MAC_BYTES || !canonical) return undefined;
  return {
    userId: uuidAt(bytes, 0),
    sessionId: uuidAt(bytes, 16),
    counter: bytes.readUInt32BE(32),
  };
}

/** True when the token was written with this key. */
export function isGenuine(text: string, key: Uint8Array): boolean {
  const bytes = Buffer.from(text.slice(PREFIX.length), "base64url");
  const given = bytes.subarray(BODY_BYTES);
  return (
    given.length === MAC_BYTES && timingSafeEqual(given, macOf(bytes.subarray(0, BODY_BYTES), key))
  );
}

function macOf(body: Uint8Array, key: Uint8Array): Uint8Array {
  return new Bun.CryptoHasher("sha256", key).update(body).digest().subarray(0, MAC_BYTES);
}

function uuidAt(bytes: Buffer, at: number): string {
  const hex = bytes.toString("hex", at, at + 16);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
