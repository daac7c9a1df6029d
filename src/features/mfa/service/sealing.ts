import { count, eq, inArray, notInArray } from "drizzle-orm";

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
 * after a rotation. What is under a key that is not listed stays as it is, and is warned of.
 */
export async function resealSecrets(platform: Platform, signal: AbortSignal): Promise<void> {
  const keyIds = platform.tokens.derive(PURPOSE).map(({ kid }) => kid);
  const older = keyIds.slice(1);
  while (older.length > 0 && !signal.aborted)
    if ((await resealBatch(platform, older)) < BATCH) break;
  const [lost] = await platform.db.run({ role: "auth" }, (tx) =>
    tx.select({ secrets: count() }).from(totpSecrets).where(notInArray(totpSecrets.keyId, keyIds)),
  );
  if (lost && lost.secrets > 0)
    platform.log.warn("authenticator apps cannot be checked: their key is not in JWT_KEYS", {
      count: lost.secrets,
    });
}

async function resealBatch({ tokens, db }: Platform, older: string[]): Promise<number> {
  return await db.run({ role: "auth" }, async (tx) => {
    const rows = await tx
      .select()
      .from(totpSecrets)
      .where(inArray(totpSecrets.keyId, older))
      .limit(BATCH)
      .for("update", { skipLocked: true });
    for (const row of rows) {
      const { userId } = row;
      const fresh = await seal(tokens, { userId, secret: await unseal(tokens, row) });
      await tx.update(totpSecrets).set(fresh).where(eq(totpSecrets.userId, userId));
    }
    return rows.length;
  });
}

function parameters(userId: string, iv: Uint8Array<ArrayBuffer>) {
  return { name: ALGORITHM, iv, additionalData: Buffer.from(userId) };
}

async function sealingKey({ secret }: DerivedKey, use: "encrypt" | "decrypt"): Promise<CryptoKey> {
  return await crypto.subtle.importKey("raw", new Uint8Array(secret), ALGORITHM, false, [use]);
}
