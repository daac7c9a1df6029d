import { expect, test } from "bun:test";

import { readConfig } from "../../../src/platform/config.ts";
import { AppError } from "../../../src/platform/errors.ts";
import {
  assertNoBrowser,
  assertNoForeignPage,
  assertOwnPage,
  isOwnOrigin,
  readRefreshCookie,
  refreshCookie,
} from "../../../src/platform/http/cookies.ts";

const APP = "https://app.example.com";
const API = "https://api.example.com";
const config = await readConfig({ WEB_ORIGINS: APP, PUBLIC_URL: API });

function from(headers: Record<string, string>): Request {
  return new Request("http://localhost/v1/auth/refresh", { method: "POST", headers });
}

function outcome(check: () => void): string {
  try {
    check();
    return "accepted";
  } catch (error) {
    return error instanceof AppError ? error.kind.code : "crashed";
  }
}

function ownPage(headers: Record<string, string>): string {
  return outcome(() => assertOwnPage(config, from(headers)));
}

test("the cookie is closed to scripts, to plain HTTP, to other hosts and to other sites", () => {
  const [pair, ...attributes] = refreshCookie("frt1_x", 60).split("; ");
  expect(pair).toBe("__Host-frm_refresh=frt1_x");
  expect(attributes.toSorted()).toEqual(
    ["HttpOnly", "Max-Age=60", "Path=/", "SameSite=Strict", "Secure"].toSorted(),
  );
});

test("the cookie is deleted with the attributes that it was set with", () => {
  const attributes = (text: string) => text.replace(/=[^;]*/, "").replace(/Max-Age=\d+/, "");
  expect(attributes(refreshCookie("", 0))).toBe(attributes(refreshCookie("frt1_x", 60)));
});

test("the cookie is read by its full name only", () => {
  expect(readRefreshCookie(from({ cookie: "a=1; __Host-frm_refresh=frt1_x" }))).toBe("frt1_x");
  expect(readRefreshCookie(from({ cookie: "frm_refresh=frt1_x" }))).toBeUndefined();
  expect(readRefreshCookie(from({}))).toBeUndefined();
});

test("a page of ours with our header may use the cookie", () => {
  expect(ownPage({ "x-frm-csrf": "1", origin: APP })).toBe("accepted");
  expect(ownPage({ "x-frm-csrf": "1", origin: API })).toBe("accepted");
  expect(ownPage({ "x-frm-csrf": "1", "sec-fetch-site": "same-origin" })).toBe("accepted");
});

test("neither the header nor the origin alone is enough", () => {
  const refused: Record<string, string>[] = [
    {},
    { origin: APP },
    { "x-frm-csrf": "1" },
    { "x-frm-csrf": "0", origin: APP },
    { "x-frm-csrf": "1", origin: "null" },
    { "x-frm-csrf": "1", origin: `${APP}.evil.example` },
    { "x-frm-csrf": "1", "sec-fetch-site": "same-site" },
    // A foreign origin is not saved by what else the request says.
    { "x-frm-csrf": "1", origin: "https://evil.example", "sec-fetch-site": "same-origin" },
  ];
  for (const headers of refused) expect(ownPage(headers)).toBe("csrf_rejected");
});

test("a refresh token in the body is taken from no page, not even from ours", () => {
  expect(outcome(() => assertNoBrowser(from({})))).toBe("accepted");
  expect(outcome(() => assertNoBrowser(from({ origin: APP })))).toBe("origin_not_allowed");
});

test("a cookie is set for our pages and for what is no page, and for nobody else's", () => {
  const outcomeFor = (headers: Record<string, string>) =>
    outcome(() => assertNoForeignPage(config, from(headers)));
  for (const headers of [{}, { origin: APP }, { origin: API }])
    expect(outcomeFor(headers)).toBe("accepted");
  for (const origin of ["null", `${APP}.evil.example`, `${APP}:8443`, "http://app.example.com"])
    expect([origin, outcomeFor({ origin })]).toEqual([origin, "origin_not_allowed"]);
});

test("the Host header decides about an origin in development only, and not once our address is known", async () => {
  const own = from({ host: "localhost:3000" });
  const development = await readConfig({});
  expect(isOwnOrigin(development, own, "http://localhost:3000")).toBe(true);
  expect(isOwnOrigin(development, own, "https://localhost:3000")).toBe(false);
  expect(isOwnOrigin(config, own, "http://localhost:3000")).toBe(false);
  const production = { ...development, production: true };
  expect(isOwnOrigin(production, own, "http://localhost:3000")).toBe(false);
});
