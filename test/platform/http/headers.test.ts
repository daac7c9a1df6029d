import { expect, test } from "bun:test";

import { securityHeaders } from "../../../src/platform/http/headers.ts";

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

test("every answer names what it depends on", () => {
  expect(securityHeaders(false)["vary"]).toBe("Origin, Authorization, Accept-Language");
});
