const YEARS_2 = 63_072_000;

/** Headers of every answer. A JSON API needs no script, no frame and no referrer. */
export function securityHeaders(production: boolean): Record<string, string> {
  return {
    "cache-control": "private, no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "cross-origin-resource-policy": "same-site",
    "referrer-policy": "no-referrer",
    // Whoever asks, in whatever language and from whichever page: another answer.
    vary: "Origin, Authorization, Accept-Language",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    ...(production ? { "strict-transport-security": `max-age=${YEARS_2}; includeSubDomains` } : {}),
  };
}
