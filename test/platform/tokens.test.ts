import { expect, test } from "bun:test";

import { AppError } from "../../src/platform/errors.ts";
import { createTokens, generateSigningKey } from "../../src/platform/tokens.ts";
import { countBits, flip } from "../support/flip.ts";

const claims = { userId: Bun.randomUUIDv7(), sessionId: Bun.randomUUIDv7(), counter: 3 };
const key = await generateSigningKey();
let clock = Date.now();
const tokens = createTokens([key], () => new Date(clock));

async function refusal(token: string, by = tokens): Promise<string> {
  const outcome = await Promise.try(() => by.verify(token)).catch((error: unknown) => error);
  return outcome instanceof AppError ? outcome.kind.code : "accepted";
}

test("a token names its user and its session, and nothing else of them", async () => {
  const { token, expiresIn } = await tokens.sign(claims);
  expect(expiresIn).toBe(600);
  expect(await tokens.verify(token)).toMatchObject(claims);
  const payload = JSON.parse(atob(token.split(".")[1] ?? "")) as object;
  expect(Object.keys(payload).toSorted()).toEqual(
    ["aud", "ctr", "exp", "iat", "iss", "jti", "nbf", "sid", "sub"].toSorted(),
  );
});

test("a token is refused once it has expired, and says so", async () => {
  const { token } = await tokens.sign(claims);
  clock += 610_000;
  expect(await refusal(token)).toBe("token_expired");
  clock -= 610_000;
});

test("no bit of a token can be changed, not even one that stands for nothing", async () => {
  const { token } = await tokens.sign(claims);
  const bits = Array.from({ length: countBits(token) }, (_, bit) => bit);
  const accepted: number[] = [];
  for (const bit of bits)
    if ((await refusal(flip(token, bit))) !== "token_invalid") accepted.push(bit);
  expect([bits.length > 1_000, accepted]).toEqual([true, []]);
});

test("a token has one spelling", async () => {
  const { token } = await tokens.sign(claims);
  const standard = token.replaceAll("-", "+").replaceAll("_", "/");
  const others = [`${token}=`, `${token}==`, `${token} `, ` ${token}`, token.replace(".", "=.")];
  for (const other of [...others, `${token}.`, `${standard}+`])
    expect([other, await refusal(other)]).toEqual([other, "token_invalid"]);
  expect(await refusal(token)).toBe("accepted");
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
  expect(await both.verify((await tokens.sign(claims)).token)).toMatchObject(claims);
  expect(await refusal((await both.sign(claims)).token)).toBe("token_invalid");
  expect(JSON.stringify(both.publicKeys())).not.toContain(key.d);
});

test("derived secrets differ by purpose and by key, and a rotation keeps those of listed keys", async () => {
  const newest = await generateSigningKey();
  const rotated = createTokens([newest, key], () => new Date(clock)).derive("a");
  expect(tokens.derive("a")).not.toEqual(tokens.derive("b"));
  expect(rotated.map(({ kid }) => kid)).toEqual([newest.kid, key.kid]);
  expect(rotated[1]).toEqual(tokens.derive("a")[0]);
  expect(rotated[0].secret).not.toEqual(tokens.derive("a")[0].secret);
});

/** A token with a good signature of our own key, whatever its header and payload say. */
async function forge(header: object, payload: object): Promise<string> {
  const text = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${text({ alg: "EdDSA", typ: "at+jwt", kid: key.kid, ...header })}.${text(payload)}`;
  const secret = await crypto.subtle.importKey("jwk", { ...key }, "Ed25519", false, ["sign"]);
  const signature = await crypto.subtle.sign("Ed25519", secret, Buffer.from(signed));
  return `${signed}.${Buffer.from(signature).toString("base64url")}`;
}

function goodPayload() {
  const at = Math.floor(clock / 1_000);
  const own = { sub: claims.userId, sid: claims.sessionId, ctr: 0, jti: "j" };
  return { ...own, iss: "frm-ai", aud: "frm-ai", nbf: at, exp: at + 600 };
}

test("our own signature does not save a token of another type, issuer, audience or time", async () => {
  const good = goodPayload();
  expect(await refusal(await forge({}, good))).toBe("accepted");
  for (const header of [{ typ: "JWT" }, { typ: "rt+jwt" }, { typ: undefined }, { alg: "HS256" }])
    expect(await refusal(await forge(header, good))).toBe("token_invalid");
  const changes = [
    { iss: "x" },
    { aud: "x" },
    { sub: "lan" },
    { sid: 1 },
    { ctr: "0" },
    { nbf: good.exp },
  ];
  const missing = ["exp", "nbf", "sub", "sid", "ctr", "jti"].map((name) => ({ [name]: undefined }));
  for (const change of [...changes, ...missing])
    expect(await refusal(await forge({}, { ...good, ...change }))).toBe("token_invalid");
});

test("our public key is no shared secret: HS256 under it is refused", async () => {
  const text = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${text({ alg: "HS256", typ: "at+jwt", kid: key.kid })}.${text(goodPayload())}`;
  for (const secret of [key.x, Buffer.from(key.x, "base64url")]) {
    const mac = new Bun.CryptoHasher("sha256", secret).update(signed).digest("base64url");
    expect(await refusal(`${signed}.${mac}`)).toBe("token_invalid");
  }
});

test("only a good signature is told that its token has expired", async () => {
  const old = { ...goodPayload(), nbf: 1_000, exp: 2_000 };
  const token = await forge({}, old);
  expect(await refusal(token)).toBe("token_expired");
  expect(await refusal(`${token.slice(0, -20)}${"A".repeat(20)}`)).toBe("token_invalid");
});
