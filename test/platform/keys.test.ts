import { expect, test } from "bun:test";

import { createKeys } from "../../src/platform/keys.ts";

const keys = createKeys("frm");

test("every key carries a hash tag and the configured prefix", () => {
  const made = [
    keys.session("u", "s"),
    keys.ticket("d"),
    keys.channel("c:1"),
    keys.throttle("s", "n", "d"),
  ];
  for (const key of made) expect(key).toMatch(/^frm:\{[^}]+\}:/);
});

test("a channel is found again in its name, and always stands in the same partition", () => {
  expect(keys.channelOf(keys.channel("c:0192"))).toBe("c:0192");
  expect(keys.channel("c:0192")).toBe(createKeys("frm").channel("c:0192"));
});

test("channels spread over the partitions", () => {
  const names = Array.from({ length: 2_000 }, (_, index) => keys.channel(`c:${index}`));
  expect(new Set(names.map((name) => name.split("}")[0])).size).toBe(128);
});
