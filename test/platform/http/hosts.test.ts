import { expect, test } from "bun:test";

import { readConfig } from "../../../src/platform/config.ts";
import {
  createHostCheck,
  createProxyCheck,
  isOperation,
} from "../../../src/platform/http/hosts.ts";

const development = await readConfig({ PUBLIC_URL: "https://api.example.com" });
const LOCAL = ["localhost", "localhost:3000", "127.0.0.1:3000", "[::1]:3000", "LOCALHOST"];

test("development answers for this machine and for its public name, on any port", () => {
  const isOurs = createHostCheck(development);
  for (const host of [...LOCAL, "api.example.com", "API.example.com:8443"])
    expect([host, isOurs(host)]).toEqual([host, true]);
});

test("no other host passes, however close it looks", () => {
  const isOurs = createHostCheck(development);
  const foreign = [
    "evil.example",
    "localhost.evil.example",
    "api.example.com.",
    "xapi.example.com",
  ];
  const broken = ["", "localhost/health", "localhost:3000/x", "a@localhost", "localhost:x", "[::1"];
  for (const host of [null, ...foreign, ...broken])
    expect([host, isOurs(host)]).toEqual([host, false]);
});

test("production answers for its public name only", () => {
  const isOurs = createHostCheck({ ...development, production: true });
  expect(isOurs("api.example.com")).toBe(true);
  for (const host of LOCAL) expect([host, isOurs(host)]).toEqual([host, false]);
});

test("only the operators' endpoints may be asked by address, and nothing that begins like one", () => {
  const paths = ["/health", "/health/ready", "/metrics"];
  const others = [
    "/",
    "/healthy",
    "/health/ready/x",
    "/health/swagger",
    "/metrics/x",
    "/v1/health",
    "/x?/health",
  ];
  const ask = (path: string) => isOperation(new Request(`http://10.0.0.1${path}`));
  expect(paths.filter(ask)).toEqual(paths);
  expect(others.filter(ask)).toEqual([]);
});

test("a proxy is believed by its address or range, also in the spelling of an IPv6 socket", () => {
  const isTrusted = createProxyCheck(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]);
  for (const address of ["10.1.2.3", "::ffff:10.1.2.3", "192.0.2.7", "2001:db8::1"])
    expect([address, isTrusted(address)]).toEqual([address, true]);
  for (const address of ["11.0.0.1", "192.0.2.8", "::ffff:11.0.0.1", "2001:db9::1", undefined])
    expect([address, isTrusted(address)]).toEqual([address, false]);
});

test("nobody is believed unless somebody was named", () => {
  const isTrusted = createProxyCheck([]);
  expect([isTrusted("127.0.0.1"), isTrusted("::1")]).toEqual([false, false]);
});
