import { afterAll, beforeAll, expect, test } from "bun:test";

import { judge } from "../../../src/features/chat/service/search_snippet.ts";
import { listWords, parseQuery } from "../../../src/features/chat/service/search_words.ts";
import { openTestDatabase, type TestDatabase } from "../../support/database.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

/** The same texts in every run. */
function* randomTexts(count: number): Generator<string> {
  const characters = Array.from(
    "aăâbdđeêghikmnoôơpqrstuưvxyĐẮẰổỗộữ  .,-$%\"'()_/\\0123:…–“”đ🙂中ﬁＶ\u0301\u0323",
  );
  let state = 7;
  const next = (below: number) => (state = (state * 48_271) % 2_147_483_647) % below;
  for (let at = 0; at < count; at += 1)
    yield Array.from({ length: next(40) }, () => characters[next(characters.length)]).join("");
}

test("the database and the snippets see the same words in every text", async () => {
  const texts = [...randomTexts(2_000), "Cổ phiếu $VNM tăng 62.500đ — Đẹp, ổn! a@b.com x-y", ""];
  const rows = await database.sql<{ words: string }[]>`
    select app.search_words(text) as words
    from jsonb_array_elements_text(${JSON.stringify(texts)}::text::jsonb) with ordinality as t (text, at) order by at`;
  const differing = texts.filter(
    (text, at) =>
      listWords(text)
        .map(({ folded }) => folded)
        .join(" ") !== rows[at]?.words,
  );
  expect(differing).toEqual([]);
});

test("what an index holds never depends on what else is in the database", async () => {
  const found = await database.sql`
    select proname, provolatile, proparallel from pg_proc
    where pronamespace = 'app'::regnamespace and proname like 'search%' order by 1`;
  expect(found.map(({ proname, provolatile }) => [proname, provolatile])).toEqual([
    ["search_term", "i"],
    ["search_terms", "i"],
    ["search_words", "i"],
  ]);
});

test("a word of a text stands where it is said to", () => {
  const text = "🙂 Cổ phiếu, VNM";
  const said = listWords(text).map(({ start, end, folded }) => [text.slice(start, end), folded]);
  expect(said).toEqual([
    ["Cổ", "co"],
    ["phiếu", "phieu"],
    ["VNM", "vnm"],
  ]);
});

test("a query falls into words, phrases and what is kept out", () => {
  expect(parseQuery('cổ "ngân hàng" -VNM -"hai từ" "offen')).toEqual([
    { text: "cổ", isExcluded: false, isQuoted: false },
    { text: "ngân hàng", isExcluded: false, isQuoted: true },
    { text: "VNM", isExcluded: true, isQuoted: false },
    { text: "hai từ", isExcluded: true, isQuoted: true },
    { text: "offen", isExcluded: false, isQuoted: true },
  ]);
});

test("a text without any of the words has no marks, and is not exact", () => {
  const wanted = { words: new Set(["co"]), stem: undefined, typed: ["cổ"], typedStem: undefined };
  const { snippet, exact, share } = judge("Chào buổi sáng", wanted);
  expect({ marks: snippet.marks, exact, share }).toEqual({ marks: [], exact: false, share: 0 });
});
