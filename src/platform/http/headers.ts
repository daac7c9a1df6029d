type HeaderBag = Record<string, string | number | string[] | undefined>;

const YEARS_2 = 63_072_000;

/** Headers of every answer. A JSON API needs no script, no frame and no referrer. */
export function securityHeaders(production: boolean): Record<string, string> {
  return {
    "cache-control": "private, no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "cross-origin-resource-policy": "same-site",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    ...(production ? { "strict-transport-security": `max-age=${YEARS_2}; includeSubDomains` } : {}),
  };
}

/** What our answers depend on; a handler may add to it and never takes away. */
const VARY = ["Origin", "Authorization", "Accept-Language"];

/** What CORS leaves behind, where it is on; with nothing at all, the usual cases. */
const FROM_CORS = "Origin";
const USUAL_VARY = VARY.join(", ");

/** Adds our own dependencies to whatever `Vary` says already. */
export function appendVary(headers: HeaderBag): void {
  if (headers["vary"] === undefined || headers["vary"] === FROM_CORS) {
    headers["vary"] = USUAL_VARY;
    return;
  }
  const present = String(headers["vary"] ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (present.includes("*")) return;
  const known = new Set(present.map((name) => name.toLowerCase()));
  headers["vary"] = [...present, ...VARY.filter((name) => !known.has(name.toLowerCase()))].join(
    ", ",
  );
}
