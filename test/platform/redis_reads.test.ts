import { expect, test } from "bun:test";

import { createReads } from "../../src/platform/redis_reads.ts";

/** A store of texts that notes what it was asked for at once. */
function openStore(texts: Record<string, string>) {
  const asked: string[][] = [];
  const read = createReads(async (keys) => {
    asked.push(keys);
    return keys.map((key) => texts[key] ?? null);
  });
  return { asked, read };
}

test("what is asked for in one turn is read at once, and everybody gets what they asked for", async () => {
  const { asked, read } = openStore({ a: "1", b: "2" });
  expect(await Promise.all([read("b"), read("none"), read("a"), read("b")])).toEqual([
    "2",
    null,
    "1",
    "2",
  ]);
  expect(asked).toEqual([["b", "none", "a"]]);
});

test("what is asked for later is read anew, and not remembered", async () => {
  const texts: Record<string, string> = { a: "1" };
  const { asked, read } = openStore(texts);
  expect(await read("a")).toBe("1");
  texts["a"] = "2";
  expect(await read("a")).toBe("2");
  expect(asked).toEqual([["a"], ["a"]]);
});

test("no answer is larger than its bound, however many ask", async () => {
  const { asked, read } = openStore({});
  await Promise.all(Array.from({ length: 300 }, (_, at) => read(`k${at}`)));
  expect(asked.map((keys) => keys.length)).toEqual([128, 128, 44]);
});

test("a failure is everybody's who asked, and nobody's who asks later", async () => {
  let fails = true;
  const read = createReads(async (keys) => {
    if (fails) throw new Error("away");
    return keys.map(() => "here");
  });
  const outcomes = await Promise.allSettled([read("a"), read("b")]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  fails = false;
  expect(await read("a")).toBe("here");
});
