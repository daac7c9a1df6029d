import { expect, test } from "bun:test";

import fc from "fast-check";

import {
  callerOf,
  createClientAddress,
  networkOf,
  parseAddress,
} from "../../../src/platform/http/client_address.ts";

/** The address that is found when this socket sends that header. */
function find(trusted: string[], socket: string | null, forwarded?: string): string | undefined {
  const headers = new Headers(forwarded === undefined ? {} : { "x-forwarded-for": forwarded });
  const request = new Request("http://localhost/", { headers });
  const source = { requestIP: () => (socket === null ? null : { address: socket }) };
  return createClientAddress(trusted)(request, source);
}

const PROXIES = ["10.0.0.0/8", "fd00::/8"];
const proxy = fc
  .tuple(fc.nat(255), fc.nat(255), fc.nat(255))
  .map((rest) => ["10", ...rest].join("."));
/** Addresses of neither kind that belong to a proxy of ours. */
const stranger = fc.oneof(
  fc.ipV4().filter((address) => !address.startsWith("10.")),
  fc
    .tuple(...Array.from({ length: 7 }, () => fc.nat(0xffff)))
    .map((groups) => `2001:${groups.map((group) => group.toString(16)).join(":")}`),
);
const noise = fc
  .string({ maxLength: 40 })
  .filter((text) => /^[\x20-\x7e]*$/.test(text) && text.trim() === text);

test("without a proxy of ours, nothing that a caller writes changes its address", () => {
  fc.assert(
    fc.property(stranger, fc.oneof(noise, stranger, proxy), (socket, claim) => {
      expect(find([], socket, claim)).toBe(parseAddress(socket));
      expect(find(PROXIES, socket, claim)).toBe(parseAddress(socket));
    }),
  );
});

test("behind proxies of ours, the address is what the outermost of them saw, whatever stands to its left", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(noise, stranger, proxy), { maxLength: 5 }),
      stranger,
      fc.array(proxy, { minLength: 1, maxLength: 5 }),
      (claims, caller, chain) => {
        const [socket = "", ...inner] = chain;
        const forwarded = [...claims, caller, ...inner].join(", ");
        expect(find(PROXIES, socket, forwarded)).toBe(parseAddress(caller));
        expect(find(PROXIES, `::ffff:${socket}`, forwarded)).toBe(parseAddress(caller));
      },
    ),
  );
});

test("what a proxy of ours wrote and nobody can read leads to no address, and never to one further left", () => {
  for (const last of ["unknown", "", "_hidden", "1.2.3", "1.2.3.4.5", "::g", "203.0.113.7:1:2"])
    expect([last, find(PROXIES, "10.0.0.1", `203.0.113.9, ${last}`)]).toEqual([last, undefined]);
});

test("a caller inside the network of our proxies has its own address, and a bare proxy that of the proxy", () => {
  expect(find(PROXIES, "10.0.0.1", "10.7.7.7")).toBe("10.7.7.7");
  expect(find(PROXIES, "10.0.0.1", "10.7.7.7, 10.0.0.2")).toBe("10.7.7.7");
  expect(find(PROXIES, "10.0.0.1")).toBe("10.0.0.1");
  expect(find(PROXIES, "fd00::1", "203.0.113.7")).toBe("203.0.113.7");
});

test("a connection without an address is nobody's, even with a header", () => {
  expect(find(PROXIES, null)).toBeUndefined();
  expect(find(PROXIES, null, "203.0.113.7")).toBeUndefined();
  expect(find(PROXIES, "what?", "203.0.113.7")).toBeUndefined();
});

test("a chain of more proxies than ours is believed nowhere", () => {
  const chain = Array.from({ length: 9 }, (_, index) => `10.1.1.${index}`);
  expect(find(PROXIES, "10.0.0.1", ["203.0.113.7", ...chain].join(","))).toBeUndefined();
  expect(find(PROXIES, "10.0.0.1", ["203.0.113.7", ...chain.slice(2)].join(","))).toBe(
    "203.0.113.7",
  );
});

test("every spelling of an address is the same address, mapped ones included", () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.nat(65_535), (address, port) => {
      const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
      const hex = `::ffff:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
      for (const text of [address, `::ffff:${address}`, hex, `${address}:${port}`, ` ${address}\t`])
        expect([text, parseAddress(text)]).toEqual([text, address]);
    }),
  );
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const parsed = parseAddress(address);
      if (parsed === undefined) throw new Error(`Cannot parse "${address}": it is refused`);
      expect(parseAddress(parsed)).toBe(parsed);
      expect(parseAddress(address.toUpperCase())).toBe(parsed);
      expect(parseAddress(`[${address}]:443`)).toBe(parsed);
      expect(parseAddress(`${address}%eth0`)).toBe(parsed);
    }),
  );
});

test("no text makes the parser throw, and what it takes is in its one spelling", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const parsed = parseAddress(text);
      if (parsed !== undefined) expect(parseAddress(parsed)).toBe(parsed);
    }),
  );
});

test("an IPv6 caller is its /64, an IPv4 caller its address, and the unknown are one caller", () => {
  const half = fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 1, max: 0xffff })));
  const text = (groups: number[]) => groups.map((group) => group.toString(16)).join(":");
  fc.assert(
    fc.property(half, half, half, (network, one, other) => {
      const [a, b] = [one, other].map((host) => parseAddress(`${text(network)}:${text(host)}`));
      expect(callerOf(a)).toBe(callerOf(b));
      expect(callerOf(a)).toBe(`${text(network)}::/64`);
    }),
  );
  expect(callerOf(parseAddress("2001:db8:0:1::1"))).not.toBe(
    callerOf(parseAddress("2001:db8:0:2::1")),
  );
  expect(callerOf("203.0.113.7")).toBe("203.0.113.7");
  expect(callerOf(undefined)).toBe(callerOf(parseAddress("unknown")));
});

test("the network that is shown does not tell one address from its neighbours", () => {
  const shown = (text: string) => networkOf(parseAddress(text));
  expect(shown("203.0.113.7")).toBe("203.0.113.0/24");
  expect(shown("::ffff:203.0.113.7")).toBe("203.0.113.0/24");
  expect(shown("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1::/48");
  expect(shown("2001:db8::1")).toBe("2001:db8::/48");
  expect(shown("::1")).toBe("::/48");
  expect(shown("unknown")).toBeUndefined();
});
