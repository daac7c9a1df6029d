/** An address that may be relative to the page, where there is one. */
export function resolveAddress(address: string): URL {
  const page = (globalThis as { location?: { href: string } }).location;
  return new URL(address, page?.href);
}
