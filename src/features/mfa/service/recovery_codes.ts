import { and, eq } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { recoveryCodes } from "../tables.ts";
import { toBase32 } from "./one_time_codes.ts";

const CODES = 10;
/** 80 bits: beyond guessing, so that a plain digest is enough. */
const CODE_BYTES = 10;

/** Puts a new set in the place of what there is. @returns the codes, which are nowhere but in this answer. */
export async function replaceRecoveryCodes(tx: Transaction, userId: string): Promise<string[]> {
  const codes = Array.from({ length: CODES }, newCode);
  await tx.delete(recoveryCodes).where(eq(recoveryCodes.userId, userId));
  await tx
    .insert(recoveryCodes)
    .values(codes.map((code) => ({ userId, digest: digestOf(plain(code)) })));
  return codes;
}

/** Spends a code. @returns false where there is no such code any more; of many at once, one alone spends it. */
export async function spendRecoveryCode(
  tx: Transaction,
  { userId, code }: { userId: string; code: string },
): Promise<boolean> {
  const spent = await tx
    .delete(recoveryCodes)
    .where(and(eq(recoveryCodes.userId, userId), eq(recoveryCodes.digest, digestOf(plain(code)))))
    .returning({ userId: recoveryCodes.userId });
  return spent.length > 0;
}

/** In groups of four, because people write them down. */
function newCode(): string {
  const text = toBase32(crypto.getRandomValues(new Uint8Array(CODE_BYTES))).toLowerCase();
  return (text.match(/.{4}/g) ?? []).join("-");
}

function plain(code: string): string {
  return code.replaceAll(/[\s-]/g, "").toLowerCase();
}

function digestOf(text: string): Uint8Array {
  return new Bun.CryptoHasher("sha256").update(text).digest();
}
