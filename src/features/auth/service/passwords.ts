import { availableParallelism } from "node:os";

import { AppError, Overloaded } from "../../../platform/errors.ts";

/** OWASP's minimum for argon2id: 19 MiB, two passes; its parallelism of one is what Bun uses. */
const PARAMETERS = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
/** How a hash of these parameters begins. */
const CURRENT = `$argon2id$v=19$m=${PARAMETERS.memoryCost},t=${PARAMETERS.timeCost},p=1$`;
/** The form of a hash that no password has. Checking against it takes exactly as long as against a real one. */
const NOBODYS = `${CURRENT}${randomBase64(32)}$${randomBase64(32)}`;
/** Hashes of the product's predecessor, and how much of a password they cover; the rest was cut off. */
const BCRYPT = /^\$2[aby]\$/;
const BCRYPT_WHOLE = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const BCRYPT_MAX_BYTES = 72;
/** Each step of cost is twice the work; beyond this one, evening it out would cost us more than it hides. */
const MAX_EVENED_COST = 13;
/** More hashes at once than this only make all of them slower and cost 19 MiB each. */
const MAX_RUNNING = availableParallelism() * 2;
const MAX_WAITING = 50;
const RETRY_AFTER_SECONDS = 2;

let running = 0;
const waiting: (() => void)[] = [];

/** Runs a hash when its turn comes. @throws AppError overloaded when too many wait already. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= MAX_RUNNING) {
    if (waiting.length >= MAX_WAITING)
      throw new AppError(Overloaded, "Cannot hash a password: too many wait", {
        headers: { "retry-after": String(RETRY_AFTER_SECONDS) },
      });
    const turn = Promise.withResolvers<void>();
    waiting.push(turn.resolve);
    await turn.promise;
  } else running += 1;
  try {
    return await work();
  } finally {
    // The place is handed on, not given back, so that nobody who has just come takes it from who has waited.
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}

/**
 * One form for what people type alike, after RFC 8265's profile for passwords: composed letters and one kind of space.
 * NFC and not NFKC, because that profile keeps characters apart that look different, and so loses nothing to guess.
 */
export function normalizePassword(password: string): string {
  return password.normalize("NFC").replaceAll(/\p{Zs}/gu, " ");
}

export async function hashPassword(password: string): Promise<string> {
  return await inTurn(() => Bun.password.hash(normalizePassword(password), PARAMETERS));
}

/**
 * Does the same work whether or not there is a hash, and for one that cannot be read, so that neither the time nor
 * the answer tells who has an account.
 * @param legacyCost of bcrypt hashes that other accounts may have: a refusal does the work of one of those too, so that
 * it does not tell which kind this account has.
 */
export async function verifyPassword(
  password: string,
  hash: string | null | undefined,
  legacyCost?: number,
): Promise<boolean> {
  const normalized = normalizePassword(password);
  return await inTurn(async () => {
    const matches = (await matchesHash(normalized, hash || NOBODYS)) && Boolean(hash);
    if (!matches && legacyCost !== undefined) await evenOut(hash ?? "", legacyCost);
    return matches;
  });
}

/** Does what checking this hash has left undone of the work of both kinds. */
async function evenOut(hash: string, legacyCost: number): Promise<void> {
  const cost = Math.min(legacyCost, MAX_EVENED_COST);
  const own = BCRYPT_WHOLE.exec(hash)?.[1];
  if (own === undefined) return await workAtCost(cost);
  await Bun.password.verify("", NOBODYS);
  // Costs double, so that of 10, 10 and 11 together make up 12.
  for (let missing = Number(own); missing < cost; missing += 1) await workAtCost(missing);
}

async function workAtCost(cost: number): Promise<void> {
  await Bun.password.verify("x", `$2b$${String(cost).padStart(2, "0")}$${".".repeat(53)}`);
}

async function matchesHash(password: string, hash: string): Promise<boolean> {
  const covered = BCRYPT.test(hash)
    ? new TextEncoder().encode(password).subarray(0, BCRYPT_MAX_BYTES)
    : password;
  try {
    return await Bun.password.verify(covered, hash);
  } catch {
    // It throws at once for what is no hash; that must look like a wrong password, and be as slow.
    await Bun.password.verify(password, NOBODYS);
    return false;
  }
}

/** Whether the hash was made with other parameters than a hash of today. */
export function isOutdated(hash: string): boolean {
  return !hash.startsWith(CURRENT);
}

function randomBase64(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return random.toBase64({ omitPadding: true });
}
