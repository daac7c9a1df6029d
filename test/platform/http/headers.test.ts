import { expect, test } from "bun:test";

import { appendVary, securityHeaders } from "../../../src/platform/http/headers.ts";

function varyAfter(vary?: string): string | undefined {
  const headers = vary === undefined ? {} : { vary };
  appendVary(headers);
  return (headers as { vary?: string }).vary;
}

test("an answer is neither kept, framed, sniffed nor allowed to load anything", () => {
  const headers = securityHeaders(false);
  expect(headers["cache-control"]).toBe("private, no-store");
  expect(headers["content-security-policy"]).toContain("default-src 'none'");
  expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
  expect([headers["x-content-type-options"], headers["x-frame-options"]]).toEqual([
    "nosniff",
    "DENY",
  ]);
});

test("only production binds browsers to HTTPS, so that a laptop stays reachable", () => {
  expect(securityHeaders(true)["strict-transport-security"]).toContain("max-age=63072000");
  expect(securityHeaders(false)).not.toHaveProperty("strict-transport-security");
});

test("what an answer depends on is added to Vary, and nothing is taken away", () => {
  expect(varyAfter()).toBe("Origin, Authorization, Accept-Language");
  expect(varyAfter("Range")).toBe("Range, Origin, Authorization, Accept-Language");
});

test("no name is repeated, however it is spelt or often added, and * stays alone", () => {
  expect(varyAfter("origin, ACCEPT-LANGUAGE")).toBe("origin, ACCEPT-LANGUAGE, Authorization");
  expect(varyAfter(varyAfter())).toBe(varyAfter());
  expect(varyAfter("*")).toBe("*");
});
