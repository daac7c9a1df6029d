import { and, asc, eq, gt, ne } from "drizzle-orm";

import type { Platform } from "../../../platform/platform.ts";
import type { DerivedKey, Tokens } from "../../../platform/tokens.ts";
import { totpSecrets } from "../tables.ts";

const PURPOSE = "totp secrets";
const ALGORITHM = "AES-GCM";
const NONCE_BYTES = 12;
/** Rows of one step of the sealing anew, so that none of them holds locks for long. */
const BATCH = 100;

/** A secret as it is stored: useless to whoever has the database alone. */
export interface Sealed {
  keyId: string;
  sealed: Uint8Array;
}

type Derives = Pick<Tokens, "derive">;

/** Seals with the newest key. The user's id is bound into it, so that one user's row is no use in the place of another's. */
export async function seal(
  tokens: Derives,
  { userId, secret }: { userId: string; secret: Uint8Array },
): Promise<Sealed> {
  const [newest] = tokens.derive(PURPOSE);
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const key = await sealingKey(newest, "encrypt");
  const text = await crypto.subtle.encrypt(parameters(userId, nonce), key, new Uint8Array(secret));
  return { keyId: newest.kid, sealed: Buffer.concat([nonce, new Uint8Array(text)]) };
}

/** @throws Error where the key is no longer listed, or the row was tampered with. */
export async function unseal(
  tokens: Derives,
  { userId, keyId, sealed }: Sealed & { userId: string },
): Promise<Uint8Array> {
  const found = tokens.derive(PURPOSE).find(({ kid }) => kid === keyId);
  if (!found) throw new Error(`Cannot unseal the secret of user "${userId}": its key is gone`);
  const nonce = new Uint8Array(sealed.subarray(0, NONCE_BYTES));
  const key = await sealingKey(found, "decrypt");
  const text = new Uint8Array(sealed.subarray(NONCE_BYTES));
  return new Uint8Array(await crypto.subtle.decrypt(parameters(userId, nonce), key, text));
}

/** The same secret under the newest key, where it is under another one. */
export async function sealAnew(
  tokens: Derives,
  { userId, keyId, secret }: { userId: string; keyId: string; secret: Uint8Array },
): Promise<Partial<Sealed>> {
  return keyId === tokens.derive(PURPOSE)[0].kid ? {} : await seal(tokens, { userId, secret });
}

/**
 * Seals with the newest key whatever is under an older one, so that the older one may be dropped from the settings
 * after a rotation. What is under a key that is not listed stays as it is. @returns how many were sealed anew.
 */
export async function resealSecrets(platform: Platform, signal: AbortSignal): Promise<number> {
  let after: string | undefined;
  let count = 0;
  let lost = 0;
  do {
    const step = await resealBatch(platform, after);
    count += step.count;
    lost += step.lost;
    after = step.last;
  } while (after !== undefined && !signal.aborted);
  if (lost > 0)
    platform.log.warn("authenticator apps cannot be checked: their key is not in JWT_KEYS", {
      count: lost,
    });
  return count;
}

/** One step through the rows, in the order of their users; `last` is where the next one begins. */
async function resealBatch(
  { tokens, db }: Platform,
  after: string | undefined,
): Promise<{ count: number; lost: number; last: string | undefined }> {
  const [newest, ...older] = tokens.derive(PURPOSE);
  return await db.run({ role: "auth" }, async (tx) => {
    const rows = await tx
      .select()
      .from(totpSecrets)
      .where(
        and(
          ne(totpSecrets.keyId, newest.kid),
          after === undefined ? undefined : gt(totpSecrets.userId, after),
        ),
      )
      .orderBy(asc(totpSecrets.userId))
      .limit(BATCH)
      .for("update");
    const known = rows.filter(({ keyId }) => older.some(({ kid }) => kid === keyId));
    for (const row of known) {
      const { userId } = row;
      const fresh = await seal(tokens, { userId, secret: await unseal(tokens, row) });
      await tx.update(totpSecrets).set(fresh).where(eq(totpSecrets.userId, userId));
    }
    return { count: known.length, lost: rows.length - known.length, last: rows.at(-1)?.userId };
  });
}

function parameters(userId: string, iv: Uint8Array<ArrayBuffer>) {
  return { name: ALGORITHM, iv, additionalData: Buffer.from(userId) };
}

async function sealingKey({ secret }: DerivedKey, use: "encrypt" | "decrypt"): Promise<CryptoKey> {
  return await crypto.subtle.importKey("raw", new Uint8Array(secret), ALGORITHM, false, [use]);
}
