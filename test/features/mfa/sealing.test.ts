import { expect, test } from "bun:test";

import { seal, sealAnew, unseal } from "../../../src/features/mfa/service/sealing.ts";
import { createTokens, generateSigningKey } from "../../../src/platform/tokens.ts";

const now = () => new Date();
const userId = crypto.randomUUID();
const secret = crypto.getRandomValues(new Uint8Array(20));
const [old, newer] = await Promise.all([generateSigningKey(), generateSigningKey()]);
const before = createTokens([old], now);
const rotated = createTokens([newer, old], now);
const after = createTokens([newer], now);

async function failure(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "none",
    (error: unknown) => String(error),
  );
}

test("what is sealed has nothing of the secret in it, and is never the same twice", async () => {
  const one = await seal(before, { userId, secret });
  const two = await seal(before, { userId, secret });
  expect(Buffer.from(one.sealed).includes(Buffer.from(secret))).toBe(false);
  expect(one.sealed).not.toEqual(two.sealed);
  expect(await unseal(before, { userId, ...one })).toEqual(secret);
});

test("no flipped bit, no other user's row and no other key opens it", async () => {
  const row = await seal(before, { userId, secret });
  for (let at = 0; at < row.sealed.length; at += 1) {
    const sealed = Uint8Array.from(row.sealed, (byte, index) => (index === at ? byte ^ 1 : byte));
    expect(await failure(unseal(before, { userId, ...row, sealed }))).not.toBe("none");
  }
  const moved = unseal(before, { ...row, userId: crypto.randomUUID() });
  expect(await failure(moved)).not.toBe("none");
  const renamed = unseal(rotated, { userId, ...row, keyId: newer.kid });
  expect(await failure(renamed)).not.toBe("none");
});

test("after a rotation it opens while the old key is listed, and no longer", async () => {
  const row = await seal(before, { userId, secret });
  expect(await unseal(rotated, { userId, ...row })).toEqual(secret);
  expect(await failure(unseal(after, { userId, ...row }))).toContain("its key is gone");
});

test("it is sealed anew once, under the newest key", async () => {
  const row = await seal(before, { userId, secret });
  const fresh = await sealAnew(rotated, { userId, secret, keyId: row.keyId });
  expect(fresh.keyId).toBe(newer.kid);
  const { keyId = "", sealed = new Uint8Array() } = fresh;
  expect(await unseal(after, { userId, keyId, sealed })).toEqual(secret);
  expect(await sealAnew(rotated, { userId, secret, keyId })).toEqual({});
});
