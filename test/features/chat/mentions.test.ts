import { expect, test } from "bun:test";

import fc from "fast-check";

import { findMentions } from "../../../src/features/chat/service/mentions.ts";
import { findTickers } from "../../../src/features/chat/service/tickers.ts";

test("whoever is named is found once, wherever the name stands, and nothing else is a name", () => {
  const ids = fc.array(fc.uuid(), { maxLength: 8 });
  fc.assert(
    fc.property(ids, fc.array(fc.string(), { maxLength: 9 }), (userIds, between) => {
      const plain = between.map((text) => text.replaceAll("<", ""));
      const body = userIds.map((id, at) => `${plain[at] ?? ""}<@${id.toUpperCase()}>`).join("");
      const unique = [...new Set(userIds.map((id) => id.toLowerCase()))];
      expect(findMentions(body)).toEqual({ userIds: unique, all: false });
    }),
  );
  expect(findMentions("<@all> <@ALL> <@al> <@> @all <@123>")).toEqual({ userIds: [], all: true });
});

test("no text makes the search for names or securities throw, or find what is none", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (body) => {
      for (const ticker of findTickers(body)) expect(ticker).toMatch(/^[A-Z][A-Z0-9.]{0,9}$/);
      expect(findMentions(body).userIds.length).toBeLessThanOrEqual(50);
    }),
  );
});

test.each([
  ["$VNM and $vnm, ($FPT) $HPG.", ["VNM", "FPT", "HPG"]],
  ["$BRK.B $A1", ["BRK.B", "A1"]],
  ["$100 US$A A$B $ $$VNM $VNM$ cổ$VNM $cổ", []],
  ["https://x.example/$VNM www.x.example/$VNM", []],
  [
    Array.from({ length: 30 }, (_, n) => `$A${n}`).join(" "),
    Array.from({ length: 20 }, (_, n) => `A${n}`),
  ],
])("the securities in %p are %p", (body, tickers) => {
  expect(findTickers(body)).toEqual(tickers);
});
