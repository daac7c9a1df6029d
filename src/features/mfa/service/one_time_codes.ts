import { timingSafeEqual } from "node:crypto";

/** What every authenticator app supports: SHA-1, six digits, thirty seconds. */
const DIGITS = 6;
const STEP_MS = 30_000;
/** A clock may be off by this many steps, and a code may be typed this late. */
const TOLERANCE_STEPS = 1;
/** RFC 4226 recommends as many bits as the hash has. */
const SECRET_BYTES = 20;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ISSUER = "FRM-AI";

export function newTotpSecret(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
}

/** The code of one counter, after RFC 4226. */
export function hotp(secret: Uint8Array, counter: number): string {
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(counter));
  const mac = new Bun.CryptoHasher("sha1", secret).update(message).digest();
  const offset = (mac[19] ?? 0) & 0xf;
  const number = mac.readUInt32BE(offset) & 0x7f_ff_ff_ff;
  return String(number % 10 ** DIGITS).padStart(DIGITS, "0");
}

/** The time step of RFC 6238 that a moment falls into. */
export function stepAt(time: Date): number {
  return Math.floor(time.getTime() / STEP_MS);
}

/** The step, around now and after the last accepted one, whose code this is; undefined for a code of none. */
export function findStep(
  secret: Uint8Array,
  code: string,
  { now, after }: { now: Date; after: number },
): number | undefined {
  const given = Buffer.from(code);
  if (given.length !== DIGITS) return undefined;
  const current = stepAt(now);
  for (let step = current - TOLERANCE_STEPS; step <= current + TOLERANCE_STEPS; step += 1)
    if (step > after && timingSafeEqual(given, Buffer.from(hotp(secret, step)))) return step;
  return undefined;
}

/** RFC 4648, without padding. */
export function toBase32(bytes: Uint8Array): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xf_ff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += BASE32[(held >> (bits - 5)) & 31];
  }
  return bits > 0 ? text + BASE32[(held << (5 - bits)) & 31] : text;
}

/** What an app reads from a QR code. */
export function otpauthUri(secret: Uint8Array, account: string): string {
  const query = `secret=${toBase32(secret)}&issuer=${ISSUER}&algorithm=SHA1&digits=${DIGITS}&period=${STEP_MS / 1_000}`;
  return `otpauth://totp/${ISSUER}:${encodeURIComponent(account)}?${query}`;
}
