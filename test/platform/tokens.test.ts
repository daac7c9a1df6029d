import { expect, test } from "bun:test";

import { AppError } from "../../src/platform/errors.ts";
import { createTokens, generateSigningKey } from "../../src/platform/tokens.ts";

const claims = { userId: Bun.randomUUIDv7(), sessionId: Bun.randomUUIDv7() };
const key = await generateSigningKey();
let clock = Date.now();
const tokens = createTokens([key], () => new Date(clock));

async function refusal(token: string, by = tokens): Promise<string> {
  const outcome = await by.verify(token).catch((error: unknown) => error);
  return outcome instanceof AppError ? outcome.kind.code : "accepted";
}

test("a token names its user and its session, and nothing else of them", async () => {
  const { token, expiresIn } = await tokens.sign(claims);
  expect(expiresIn).toBe(600);
  expect(await tokens.verify(token)).toEqual(claims);
  const payload = JSON.parse(atob(token.split(".")[1] ?? "")) as object;
  expect(Object.keys(payload).toSorted()).toEqual(
    ["aud", "exp", "iat", "iss", "jti", "nbf", "sid", "sub"].toSorted(),
  );
});

test("a token is refused once it has expired, and says so", async () => {
  const { token } = await tokens.sign(claims);
  clock += 610_000;
  expect(await refusal(token)).toBe("token_expired");
  clock -= 610_000;
});

test("no character of a token can be changed", async () => {
  const { token } = await tokens.sign(claims);
  for (let at = 0; at < token.length - 1; at += 7) {
    const other = token[at] === "A" ? "Z" : "A";
    expect(await refusal(token.slice(0, at) + other + token.slice(at + 1))).toBe("token_invalid");
  }
});

test("unsigned tokens, other algorithms, unknown keys and junk are refused", async () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = part({ sub: claims.userId, sid: claims.sessionId, exp: 9e9 });
  for (const alg of ["none", "HS256", "EdDSA"])
    expect(await refusal(`${part({ alg, kid: key.kid })}.${body}.AAAA`)).toBe("token_invalid");
  const stranger = createTokens([await generateSigningKey()], () => new Date());
  const { token } = await stranger.sign(claims);
  for (const wrong of [token, "", ".", "a.b.c", "x".repeat(5_000)])
    expect(await refusal(wrong)).toBe("token_invalid");
});

test("an older key goes on verifying, and the public set holds no private half", async () => {
  const newest = await generateSigningKey();
  const both = createTokens([newest, key], () => new Date(clock));
  expect(await both.verify((await tokens.sign(claims)).token)).toEqual(claims);
  expect(await refusal((await both.sign(claims)).token)).toBe("token_invalid");
  expect(JSON.stringify(both.publicKeys())).not.toContain(key.d);
});

test("derived secrets differ by purpose", () => {
  expect(tokens.derive("a")).not.toEqual(tokens.derive("b"));
});
