import { expect, test } from "bun:test";

import { verdictOf } from "../../src/client/verdict.ts";
import { CloseCode } from "../../src/platform/realtime/connection.ts";
import { CLOSE_MEANINGS, TRANSPORT_CLOSE_MEANINGS } from "../../src/platform/realtime/protocol.ts";

test.each([1000, 1001, 1005, 1006, 1011, 1012, 4000, 4001, 4002, 4003, 4004, 4005, 3000, 4999])(
  "%i comes back",
  (code) => {
    expect(verdictOf(code)).toEqual({ afterMs: 0 });
  },
);

test("4029 comes back after half a minute or more", () => {
  expect(verdictOf(CloseCode.tooManyRequests)).toEqual({ afterMs: 30_000 });
});

test.each([
  [1009, "at_fault"],
  [4400, "at_fault"],
  [4401, "signed_out"],
  [4403, "signed_out"],
  [4408, "at_fault"],
  [4409, "replaced"],
  [4413, "at_fault"],
  [4426, "at_fault"],
  [4499, "at_fault"],
])("%i is final: %s", (code, verdict) => {
  expect(verdictOf(code)).toBe(verdict as ReturnType<typeof verdictOf>);
});

const PUBLISHED = [
  ...Object.entries(TRANSPORT_CLOSE_MEANINGS).map(([code, { client }]) => [Number(code), client]),
  ...Object.entries(CLOSE_MEANINGS).map(([name, { client }]) => [
    CloseCode[name as keyof typeof CloseCode],
    client,
  ]),
  // A close of our own is never judged; a proxy that ends an idle connection with this code is come back from.
].filter(([code]) => code !== 1000) as [number, string][];

test.each(PUBLISHED)("%i does what the protocol says: %s", (code, client) => {
  const verdict = verdictOf(code);
  expect(typeof verdict === "string").toBe(client.startsWith("stops"));
  expect(verdict === "signed_out").toBe(client === "stops until somebody signs in");
  if (typeof verdict !== "string")
    expect(verdict.afterMs > 0).toBe(client === "comes back, not at once");
});
