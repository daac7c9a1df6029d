import { afterAll, beforeEach, expect, test } from "bun:test";

import { createAccessTokenCheck } from "../../src/client/access_token.ts";
import { createTokens, generateSigningKey } from "../../src/platform/tokens.ts";
import { countBits, flip } from "../support/flip.ts";

const NOW_MS = 1_795_000_000_000;
const MINUTE_MS = 60_000;
const userId = Bun.randomUUIDv7();
const sessionId = Bun.randomUUIDv7();
const key = await generateSigningKey();
const { kty, crv, x, kid } = key;
const listing = { kty, crv, x, kid, use: "sig", alg: "EdDSA" };
const tokens = createTokens([key], () => new Date(NOW_MS));
const { token } = await tokens.sign({ userId, sessionId, counter: 3 });

/** What the product answers when it is asked for its keys, and how often that was. */
let keys: () => Response | Promise<Response>;
let asked = 0;
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  routes: {
    "/.well-known/jwks.json": () => {
      asked += 1;
      return keys();
    },
  },
  fetch: () => new Response("", { status: 404 }),
});
afterAll(async () => await server.stop(true));
beforeEach(() => {
  keys = () => Response.json({ keys: [listing] });
  asked = 0;
});

/** A check whose clock the test sets. */
function openCheck(timeoutMs = 1_000) {
  const clock = { at: NOW_MS };
  const check = createAccessTokenCheck({ origin: server.url, timeoutMs, now: () => clock.at });
  return { clock, verdict: async (text: string) => (await check(text)).verdict };
}

const header = { alg: "EdDSA", typ: "at+jwt", kid };
const claims = {
  iss: "frm-ai",
  aud: "frm-ai",
  sub: userId,
  sid: sessionId,
  ctr: 3,
  jti: Bun.randomUUIDv7(),
  nbf: NOW_MS / 1_000,
  exp: NOW_MS / 1_000 + 600,
};

/** A token with a good signature, whatever it says. A field that is undefined is missing. */
async function craft(head: object, payload: object, signer = key): Promise<string> {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ ...header, ...head })}.${part({ ...claims, ...payload })}`;
  const { x: open, d } = signer;
  const jwk = { kty, crv, x: open, d };
  const secret = await crypto.subtle.importKey("jwk", jwk, "Ed25519", false, ["sign"]);
  const signature = await crypto.subtle.sign("Ed25519", secret, Buffer.from(signed));
  return `${signed}.${Buffer.from(signature).toString("base64url")}`;
}

test("a token of the product is good, and says whose it is and until when", async () => {
  const check = createAccessTokenCheck({ origin: server.url, now: () => NOW_MS });
  const expiresAt = new Date(NOW_MS + 600_000);
  expect(await check(token)).toEqual({ verdict: "good", userId, sessionId, expiresAt });
  expect(await check(await craft({}, {}))).toMatchObject({ verdict: "good" });
});

test("a token that ran out is expired, and only one that the product has signed", async () => {
  const { clock, verdict } = openCheck();
  clock.at = NOW_MS + 604_000;
  expect(await verdict(token)).toBe("good");
  clock.at = NOW_MS + 605_000;
  expect(await verdict(token)).toBe("expired");
  expect(await verdict(flip(token, countBits(token) - 100))).toBe("refused");
  expect(await verdict(await craft({}, {}, await generateSigningKey()))).toBe("refused");
});

test("a token with any bit changed is refused", async () => {
  const { verdict } = openCheck();
  const accepted: number[] = [];
  for (let bit = 0; bit < countBits(token); bit += 1)
    if ((await verdict(flip(token, bit))) !== "refused") accepted.push(bit);
  expect([countBits(token) > 1_000, accepted]).toEqual([true, []]);
  expect(await verdict(token)).toBe("good");
});

test("a token has one spelling, and junk is refused without asking anybody", async () => {
  const { verdict } = openCheck();
  const [head = "", payload = "", signature = ""] = token.split(".");
  const spellings = [`${token}=`, ` ${token}`, `${token}\n`, `${head}=.${payload}.${signature}`];
  const junk = ["", ".", "..", "a.b.c", `${head}.${payload}`, `${token}.`, "ố.ố.ố"];
  const short = `${head}.${payload}.${signature.slice(0, -4)}`;
  for (const text of [...spellings, ...junk, short, token.repeat(6), `${head}.${payload}.`])
    expect([text, await verdict(text)]).toEqual([text, "refused"]);
  expect(asked).toBe(0);
});

/** Each field that is missing. */
function without(fields: object): [string, object][] {
  return Object.keys(fields).map((name) => [`no ${name}`, { [name]: undefined }]);
}

/** Each field that says something else. */
function wrong(fields: object[]): [string, object][] {
  return fields.map((field) => [JSON.stringify(field), field]);
}

const HEADERS = [
  ...without(header),
  ...wrong([
    { alg: "none" },
    { alg: "HS256" },
    { alg: "ES256" },
    { alg: "Ed25519" },
    { alg: ["EdDSA"] },
    { typ: "JWT" },
    { typ: "rt+jwt" },
    { kid: "another" },
    { kid: 1 },
    { crit: ["exp"] },
  ]),
];
const CLAIMS = [
  ...without(claims),
  ...wrong([
    { iss: "frm-ai.example" },
    { aud: "another" },
    { aud: ["frm-ai", "another"] },
    { nbf: NOW_MS / 1_000 + 6 },
    { exp: "never" },
    { exp: -1 },
    { sub: "1" },
    { sid: userId.toUpperCase() },
    { ctr: 0.5 },
  ]),
];

test.each(HEADERS)("a well-signed token is refused whose header has %s", async (_, head) => {
  expect(await openCheck().verdict(await craft(head, {}))).toBe("refused");
});

test.each(CLAIMS)("a well-signed token is refused whose claims have %s", async (_, payload) => {
  expect(await openCheck().verdict(await craft({}, payload))).toBe("refused");
});

test("the public key is no secret to sign with", async () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ ...header, alg: "HS256" })}.${part(claims)}`;
  const hmac = new Bun.CryptoHasher("sha256", Buffer.from(x, "base64url")).update(signed);
  expect(await openCheck().verdict(`${signed}.${hmac.digest("base64url")}`)).toBe("refused");
});

test("the keys are asked for once, however many wait, and again when they are old", async () => {
  const { clock, verdict } = openCheck();
  expect(await Promise.all(Array.from({ length: 50 }, () => verdict(token)))).toEqual(
    Array.from({ length: 50 }, () => "good"),
  );
  clock.at += 4 * MINUTE_MS;
  await verdict(token);
  expect(asked).toBe(1);
  clock.at += 2 * MINUTE_MS;
  expect(await verdict(token)).toBe("good");
  expect(asked).toBe(2);
});

test("a new key is taken up at once, an old one goes when it is withdrawn", async () => {
  const { clock, verdict } = openCheck();
  const next = await generateSigningKey();
  const renewed = await craft({ kid: next.kid }, { exp: NOW_MS / 1_000 + 3_600 }, next);
  const old = await craft({}, { exp: NOW_MS / 1_000 + 3_600 });
  expect([await verdict(old), await verdict(renewed)]).toEqual(["good", "refused"]);
  keys = () => Response.json({ keys: [{ ...listing, x: next.x, kid: next.kid }, listing] });
  clock.at += 11_000;
  expect([await verdict(renewed), await verdict(old)]).toEqual(["good", "good"]);
  keys = () => Response.json({ keys: [{ ...listing, x: next.x, kid: next.kid }] });
  clock.at += 5 * MINUTE_MS;
  expect([await verdict(renewed), await verdict(old)]).toEqual(["good", "refused"]);
});

test("tokens that name made-up keys make no request each", async () => {
  const { clock, verdict } = openCheck();
  for (let count = 0; count < 200; count += 1) {
    clock.at += 100;
    expect(await verdict(await craft({ kid: `made-up-${count}` }, {}))).toBe("refused");
  }
  expect(asked).toBeLessThanOrEqual(3);
});

const OUTAGES: [what: string, answer: () => Response | Promise<Response>][] = [
  ["an error", () => new Response("", { status: 500 })],
  ["a redirect", () => Response.redirect(`${server.url.href}elsewhere`)],
  ["no JSON", () => new Response("<h1>Bad gateway</h1>")],
  ["no set", () => Response.json(null)],
  ["keys of other kinds", () => Response.json({ keys: [{ ...listing, alg: "RS256" }, 1, null] })],
  ["a key for something else", () => Response.json({ keys: [{ ...listing, use: "enc" }] })],
  ["far too much", () => Response.json({ keys: [listing], more: "x".repeat(70_000) })],
  ["nothing, ever", () => new Promise<Response>(() => undefined)],
];

test.each(OUTAGES)("where the keys cannot be had, only the API can tell: %s", async (_, answer) => {
  keys = answer;
  const { clock, verdict } = openCheck(200);
  expect(await verdict(token)).toBe("unknown");
  // The next one does not wait for another request, and what is no token at all is refused all the same.
  expect([await verdict(token), await verdict("junk")]).toEqual(["unknown", "refused"]);
  expect(asked).toBe(1);
  keys = () => Response.json({ keys: [listing] });
  clock.at += 2_000;
  expect(await verdict(token)).toBe("good");
});

test("an outage signs nobody out for an hour, and after that nothing is taken on trust", async () => {
  const { clock, verdict } = openCheck();
  const long = await craft({}, { exp: NOW_MS / 1_000 + 86_400 });
  expect(await verdict(long)).toBe("good");
  keys = () => new Response("", { status: 503 });
  clock.at += 59 * MINUTE_MS;
  expect(await verdict(long)).toBe("good");
  clock.at += 2 * MINUTE_MS;
  expect(await verdict(long)).toBe("unknown");
});

test("of a set with more keys than we ever have, only the first few are taken", async () => {
  const others = Array.from({ length: 40 }, (_, index) => ({ ...listing, kid: `other-${index}` }));
  keys = () => Response.json({ keys: [...others, listing] });
  expect(await openCheck().verdict(token)).toBe("refused");
});
