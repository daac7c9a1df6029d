import { expect, test } from "bun:test";

import { deviceOf } from "../../../src/features/auth/service/devices.ts";

test.each([
  ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"],
  [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
    "Safari, iOS",
  ],
  [
    "Mozilla/5.0 (Linux; Android 15; SM-S938B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
    "Samsung Internet, Android",
  ],
  [
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Chrome, macOS",
  ],
  ["frm-app/2.1 (Android 15)", "frm-app, Android"],
  ["Bun/1.4.5", "Bun"],
  ["Mozilla/5.0", ""],
  ["", ""],
  ["<script>alert(1)</script>", ""],
  [null, ""],
])("%p is shown as %p", (header, shown) => {
  expect(deviceOf(header)).toBe(shown);
});

test("a header of any length gives a short name", () => {
  expect(deviceOf("x".repeat(100_000)).length).toBeLessThan(60);
  expect(deviceOf(`${"y".repeat(30)}/1 Windows ${"z".repeat(100_000)}`)).toBe(
    `${"y".repeat(30)}, Windows`,
  );
});
