import { BlockList, isIP } from "node:net";

import type { Config } from "../config.ts";

const LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"];
const HOST = /^([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/;
/**
 * Balancers and monitors ask these by address and without TLS. Each is named, because the router may take the end of any
 * other path for a path of its own where the host is short.
 */
const OPERATIONS = /^\/(?:health(?:\/(?:live|ready|detailed))?|metrics)$/;

/**
 * Which hosts we answer for. The router takes the path from the URL by position, so a made-up Host could carry a
 * request to another route than the one that a proxy has seen.
 */
export function createHostCheck(config: Config): (host: string | null) => boolean {
  const allowed = new Set(config.production ? [] : LOCAL_HOSTS);
  if (config.publicUrl) allowed.add(config.publicUrl.hostname.toLowerCase());
  return (host) => {
    const name = HOST.exec(host?.toLowerCase() ?? "")?.[1];
    return name !== undefined && allowed.has(name);
  };
}

/** True for the endpoints of operators, which are asked by address and inside the private network. */
export function isOperation(request: Request): boolean {
  return OPERATIONS.test(URL.parse(request.url)?.pathname ?? "");
}

/** Tells whether an address belongs to a proxy whose X-Forwarded-* headers are to be believed. */
export function createProxyCheck(trusted: string[]): (address: string | undefined) => boolean {
  const list = new BlockList();
  for (const entry of trusted) {
    const [address = "", bits] = entry.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    if (address === undefined) return false;
    const plain = address.replace(/^::ffff:(?=\d+\.)/, "");
    return list.check(plain, isIP(plain) === 6 ? "ipv6" : "ipv4");
  };
}
