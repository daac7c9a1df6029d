import { beforeEach, expect, test } from "bun:test";

import { AppError, SessionRevoked, TokenInvalid } from "../../../src/platform/errors.ts";
import {
  type Authority,
  createAuthorities,
  EXPIRY_GRACE_MS,
  EXPIRY_WARNING_MS,
  MAX_REFUSED_TOKENS,
} from "../../../src/platform/realtime/authority.ts";
import type { Connection } from "../../../src/platform/realtime/connection.ts";
import { quietConnection } from "../../support/connection.ts";

const LIFE_MS = 600_000;
const SESSION_MS = 86_400_000;

let clock = 0;
/** What each token is worth; anything else is refused. */
let good: Record<string, Partial<Authority> | "ended">;

const authorities = createAuthorities({
  parts: [],
  now: () => new Date(clock),
  authenticate: async ({ token }) => {
    const found = good[token];
    if (found === "ended") throw new AppError(SessionRevoked, "Cannot use it: it has ended");
    if (!found) throw new AppError(TokenInvalid, "Cannot use it: it is unknown");
    return granted(found);
  },
});

beforeEach(() => {
  clock = 1_800_000_000_000;
  good = {};
});

function granted(changes: Partial<Authority> = {}): Authority {
  return {
    userId: "lan",
    sessionId: "phone",
    validUntil: clock + LIFE_MS,
    endsAt: clock + SESSION_MS,
    ...changes,
  };
}

/** A socket that notes what it is told. */
function begin(changes: Partial<Authority> = {}) {
  const told: string[] = [];
  const connection: Connection = quietConnection({
    send: (text) => told.push(text),
    close: (code, reason) => {
      told.push(`${code} ${reason}`);
      authorities.end(connection);
    },
  });
  authorities.begin(connection, { ...granted(changes), origin: undefined });
  return { connection, told };
}

function pass(ms: number): void {
  clock += ms;
  authorities.sweep();
}

async function show(connection: Connection, tok: string): Promise<string> {
  try {
    const [reply] = await authorities.renew.handle([{ t: "tok", i: 1, tok }], connection);
    return JSON.stringify(reply ?? null);
  } catch (error) {
    return (error as AppError).kind.code;
  }
}

test("a token is warned of once, a minute before its end, and closes half a minute after it", () => {
  const { told } = begin();
  pass(LIFE_MS - EXPIRY_WARNING_MS - 1);
  expect(told).toEqual([]);
  pass(1);
  pass(EXPIRY_WARNING_MS);
  pass(EXPIRY_GRACE_MS - 1);
  expect(told).toEqual(['{"t":"tok.exp","in":60000}']);
  pass(1);
  pass(1);
  expect(told.slice(1)).toEqual(["4005 token_expired"]);
});

test("a token that is about to expire is warned of at once", () => {
  expect(begin({ validUntil: clock + 1_000 }).told).toEqual(['{"t":"tok.exp","in":1000}']);
  expect(begin({ validUntil: clock - 1_000 }).told).toEqual(['{"t":"tok.exp","in":0}']);
});

test("a newer token lets the socket stay, and its end is warned of again", async () => {
  const { connection, told } = begin();
  pass(LIFE_MS);
  good = { newer: { validUntil: clock + LIFE_MS } };
  expect(await show(connection, "newer")).toBe('{"t":"tok.ok","i":1,"in":600000}');
  pass(EXPIRY_GRACE_MS);
  expect(told).toHaveLength(1);
  pass(LIFE_MS - EXPIRY_GRACE_MS);
  expect(told).toHaveLength(2);
  pass(EXPIRY_GRACE_MS);
  expect(told.at(-1)).toBe("4005 token_expired");
});

test("a token that is no newer gives no time, takes none away, and is not warned of again", async () => {
  const { connection, told } = begin();
  pass(LIFE_MS - 40_000);
  good = { older: { validUntil: clock + 10_000 } };
  expect(await show(connection, "older")).toBe('{"t":"tok.ok","i":1,"in":40000}');
  pass(40_000 + EXPIRY_GRACE_MS - 1);
  expect(told).toHaveLength(1);
  pass(1);
  expect(told.at(-1)).toBe("4005 token_expired");
});

test("at the end of the session itself there is no grace, however new the token is", async () => {
  const { connection, told } = begin({ endsAt: clock + 90_000 });
  good = { newer: { validUntil: clock + LIFE_MS, endsAt: clock + 90_000 } };
  await show(connection, "newer");
  pass(89_999);
  expect(told).toEqual([]);
  pass(1);
  expect(told).toEqual(["4401 session_revoked"]);
});

test("a time that is no number closes", () => {
  expect(begin({ validUntil: Number.NaN }).told).toEqual(["4005 token_expired"]);
  expect(begin({ endsAt: Number.NaN }).told).toEqual(["4401 session_revoked"]);
});

test.each([{ sessionId: "laptop" }, { userId: "minh" }, { userId: "minh", sessionId: "laptop" }])(
  "a token of %j closes, and gives nothing",
  async (other) => {
    const { connection, told } = begin();
    good = { other };
    expect(await show(connection, "other")).toBe("null");
    expect(told).toEqual(["4401 session_mismatch"]);
    expect(await show(connection, "other")).toBe("null");
  },
);

test("a token of the session that has ended since closes", async () => {
  const { connection, told } = begin();
  good = { mine: "ended" };
  expect(await show(connection, "mine")).toBe("session_revoked");
  expect(told).toEqual(["4401 session_revoked"]);
});

test("a few bad tokens are refused, and one more closes; a good one begins the count anew", async () => {
  const { connection, told } = begin();
  good = { mine: {} };
  for (let turn = 0; turn < 2; turn += 1) {
    for (let count = 0; count < MAX_REFUSED_TOKENS; count += 1)
      expect(await show(connection, "bad")).toBe("token_invalid");
    expect(told).toEqual([]);
    if (turn === 0) await show(connection, "mine");
  }
  expect(await show(connection, "bad")).toBe("token_invalid");
  expect(told).toEqual(["4401 token_invalid"]);
});
