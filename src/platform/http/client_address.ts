import { isIPv4, isIPv6 } from "node:net";

import { createProxyCheck } from "./hosts.ts";

/** The part of the server that knows the other end of a request's connection. */
export interface AddressSource {
  requestIP(request: Request): { address: string } | null;
}

/** Whoever sends a longer chain of trusted proxies than this is not behind ours. */
const MAX_PROXIES = 8;
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
/** Some proxies add the port, and brackets around IPv6: `203.0.113.7:4711`, `[2001:db8::1]:4711`. */
const WITH_PORT = /^(?:\[([0-9a-f:.]+)\](?::\d{1,5})?|(\d+\.\d+\.\d+\.\d+):\d{1,5})$/i;

/**
 * Finds the address of whoever asks. X-Forwarded-For is text that anybody may send, so it is read from the right, where
 * the nearest proxy wrote, and only as far as each writer is a proxy of ours. The first that is not is the caller.
 * Undefined where the address is not known or not readable: such callers have to share whatever limit there is.
 */
export function createClientAddress(
  trustedProxies: string[],
): (request: Request, source: AddressSource | null) => string | undefined {
  const isTrusted = createProxyCheck(trustedProxies);
  return (request, source) => {
    const writer = parseAddress(source?.requestIP(request)?.address ?? "");
    const forwarded = request.headers.get("x-forwarded-for");
    // Not a proxy of ours: what it says of others does not matter.
    if (forwarded === null || !isTrusted(writer)) return writer;
    return walk(forwarded, writer, isTrusted);
  };
}

function walk(
  forwarded: string,
  nearest: string | undefined,
  isTrusted: (address: string | undefined) => boolean,
): string | undefined {
  let address = nearest;
  let end = forwarded.length;
  for (let proxies = 0; isTrusted(address) && end >= 0; proxies += 1) {
    if (proxies === MAX_PROXIES) return undefined;
    const start = end === 0 ? -1 : forwarded.lastIndexOf(",", end - 1);
    address = parseAddress(forwarded.slice(start + 1, end));
    end = start;
  }
  return address;
}

/** One spelling for each address: IPv4 also where it comes mapped into IPv6. Undefined when it is no address. */
export function parseAddress(text: string): string | undefined {
  const trimmed = text.trim();
  const match = WITH_PORT.exec(trimmed);
  // The zone behind % names an interface of one machine, and not the other end.
  const bare = (match?.[1] ?? match?.[2] ?? trimmed).replace(/%[\w.-]+$/, "");
  const plain = bare.replace(MAPPED, "$1");
  if (isIPv4(plain)) return plain;
  if (!isIPv6(plain)) return undefined;
  const groups = groupsOf(plain);
  const [high = 0, low = 0] = groups.slice(6);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xff_ff;
  if (isMapped) return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  return groups.map((group) => group.toString(16)).join(":");
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  // A URL writes every address in hexadecimal, with one run of zeros left out.
  const written = URL.parse(`http://[${address}]`)?.hostname.slice(1, -1) ?? "";
  const [head = [], tail = []] = written
    .split("::")
    .map((side) => (side === "" ? [] : side.split(":").map((group) => Number.parseInt(group, 16))));
  return [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

/** The name of everybody whose address is not known: together they count as one caller. */
const UNKNOWN = "unknown";

/**
 * What counts as one caller: an IPv4 address, or the /64 of an IPv6 address, because whoever has one IPv6 address has
 * 2^64 of them. Takes what `parseAddress` gives.
 */
export function callerOf(address: string | undefined): string {
  if (address === undefined) return UNKNOWN;
  return address.includes(":") ? shorten(address, 4) : address;
}

/** The network of an address, coarse enough to be shown and kept: /24 of IPv4, /48 of IPv6. Undefined when unknown. */
export function networkOf(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  return address.includes(":")
    ? shorten(address, 3)
    : `${address.split(".").slice(0, 3).join(".")}.0/24`;
}

function shorten(address: string, groups: number): string {
  const kept = address.split(":").slice(0, groups).join(":");
  const written = URL.parse(`http://[${kept}::]`)?.hostname.slice(1, -1) ?? kept;
  return `${written}/${groups * 16}`;
}
