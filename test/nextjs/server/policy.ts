import { socketUrl } from "./api.ts";

/** What a page may load and where it may connect to: this origin, and the socket. Scripts need the nonce of the page. */
export function contentPolicy(nonce: string): string {
  // In development React evaluates code to show where an error comes from, and styles are put in as they change.
  const development = process.env.NODE_ENV === "development";
  return [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}'${development ? " 'unsafe-eval'" : ""}`,
    `style-src 'self' ${development ? "'unsafe-inline'" : `'nonce-${nonce}'`}`,
    "img-src 'self'",
    "font-src 'self'",
    `connect-src 'self' ${new URL(socketUrl()).origin}`,
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join("; ");
}
