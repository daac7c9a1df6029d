import { expect, test } from "bun:test";

import fc from "fast-check";

import {
  findStep,
  hotp,
  newTotpSecret,
  otpauthUri,
  stepAt,
  toBase32,
} from "../../../src/features/mfa/service/one_time_codes.ts";

const secret = Buffer.from("12345678901234567890");

test("codes are those of RFC 4226, appendix D", () => {
  const codes = Array.from({ length: 10 }, (_, counter) => hotp(secret, counter));
  expect(codes.join(" ")).toBe(
    "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489",
  );
});

test("codes by time are those of RFC 6238, appendix B, with six of its eight digits", () => {
  const vectors: [seconds: number, code: string][] = [
    [59, "94287082"],
    [1_111_111_109, "07081804"],
    [1_111_111_111, "14050471"],
    [1_234_567_890, "89005924"],
    [2_000_000_000, "69279037"],
    [20_000_000_000, "65353130"],
  ];
  for (const [seconds, code] of vectors) {
    const now = new Date(seconds * 1_000);
    expect(hotp(secret, stepAt(now))).toBe(code.slice(2));
    expect(findStep(secret, code.slice(2), { now, after: 0 })).toBe(stepAt(now));
  }
});

test("a code counts one step early and one step late, and not two", () => {
  const now = new Date(1_800_000_000_000);
  const current = stepAt(now);
  const found = [-2, -1, 0, 1, 2].map((away) =>
    findStep(secret, hotp(secret, current + away), { now, after: 0 }),
  );
  expect(found).toEqual([undefined, current - 1, current, current + 1, undefined]);
});

test("no code of an accepted step or of one before it counts again, also when the clock goes back", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 10, max: 60_000_000 }),
      fc.integer({ min: -1, max: 1 }),
      fc.integer({ min: -3, max: 3 }),
      (step, away, jump) => {
        const code = hotp(secret, step + away);
        const after = findStep(secret, code, { now: new Date(step * 30_000), after: 0 });
        const now = new Date((step + jump) * 30_000);
        const again = findStep(secret, code, { now, after: after ?? 0 });
        // By chance another step may have the same digits; then it is that step's own first use.
        return after !== undefined && (again === undefined || again > after);
      },
    ),
  );
});

test("what is not six digits of ours is no code", () => {
  const now = new Date(1_800_000_000_000);
  const code = hotp(secret, stepAt(now));
  for (const wrong of ["", "12345", `${code}0`, `0${code}`, code.slice(1), "١٢٣٤٥٦", "abcdef"])
    expect(findStep(secret, wrong, { now, after: 0 })).toBeUndefined();
  expect(findStep(newTotpSecret(), code, { now, after: 0 })).toBeUndefined();
});

test("secrets are written in Base32 as RFC 4648 has it", () => {
  const words = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
  expect(words.map((word) => toBase32(Buffer.from(word)))).toEqual([
    "",
    "MY",
    "MZXQ",
    "MZXW6",
    "MZXW6YQ",
    "MZXW6YTB",
    "MZXW6YTBOI",
  ]);
});

test("a secret has 160 bits, and its address for apps names us, the account and nothing that could split it", () => {
  expect(newTotpSecret()).toHaveLength(20);
  const url = new URL(otpauthUri(secret, "a+b&secret=x?#/@example.com"));
  expect([url.protocol, url.host]).toEqual(["otpauth:", "totp"]);
  expect(decodeURIComponent(url.pathname)).toBe("/FRM-AI:a+b&secret=x?#/@example.com");
  expect(Object.fromEntries(url.searchParams)).toEqual({
    secret: toBase32(secret),
    issuer: "FRM-AI",
    algorithm: "SHA1",
    digits: "6",
    period: "30",
  });
});
