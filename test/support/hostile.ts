/** Stands in everything hostile; it must be nowhere in an answer or in the log. */
export const CANARY = "c4n4ry";

export interface Route {
  method: string;
  /** Every `:name` is a place for a hostile parameter. */
  path: string;
  signedIn: boolean;
  body: boolean;
}

/** Every route of the product; a test compares it with what is served. */
export const ROUTES: Route[] = [
  { method: "POST", path: "/v1/auth/register", signedIn: false, body: true },
  { method: "POST", path: "/v1/auth/login", signedIn: false, body: true },
  { method: "POST", path: "/v1/auth/refresh", signedIn: false, body: true },
  { method: "POST", path: "/v1/auth/logout", signedIn: false, body: true },
  { method: "GET", path: "/v1/me", signedIn: true, body: false },
  { method: "GET", path: "/v1/ws", signedIn: false, body: false },
  { method: "POST", path: "/v1/realtime/ticket", signedIn: true, body: false },
  { method: "POST", path: "/v1/auth/reauthenticate", signedIn: true, body: true },
  { method: "GET", path: "/v1/sessions", signedIn: true, body: false },
  { method: "POST", path: "/v1/account/email/verification", signedIn: true, body: false },
  { method: "POST", path: "/v1/account/email/verification/confirm", signedIn: false, body: true },
  { method: "POST", path: "/v1/account/password/forgotten", signedIn: false, body: true },
  { method: "POST", path: "/v1/account/password/reset", signedIn: false, body: true },
  { method: "PUT", path: "/v1/account/password", signedIn: true, body: true },
  { method: "POST", path: "/v1/account/email", signedIn: true, body: true },
  { method: "POST", path: "/v1/account/email/confirm", signedIn: false, body: true },
  { method: "GET", path: "/v1/account/deletion", signedIn: true, body: false },
  { method: "POST", path: "/v1/account/deletion", signedIn: true, body: false },
  { method: "DELETE", path: "/v1/account/deletion", signedIn: true, body: false },
  { method: "GET", path: "/v1/account/exports", signedIn: true, body: false },
  { method: "POST", path: "/v1/account/exports", signedIn: true, body: false },
  { method: "GET", path: "/v1/account/exports/:id", signedIn: true, body: false },
  { method: "GET", path: "/v1/account/exports/:id/document", signedIn: true, body: false },
  { method: "GET", path: "/v1/account/totp", signedIn: true, body: false },
  { method: "POST", path: "/v1/account/totp", signedIn: true, body: false },
  { method: "POST", path: "/v1/account/totp/confirm", signedIn: true, body: true },
  { method: "POST", path: "/v1/account/totp/recovery-codes", signedIn: true, body: false },
  { method: "DELETE", path: "/v1/account/totp", signedIn: true, body: true },
  { method: "DELETE", path: "/v1/sessions", signedIn: true, body: false },
  { method: "DELETE", path: "/v1/sessions/:id", signedIn: true, body: false },
  { method: "GET", path: "/v1/me/audit", signedIn: true, body: false },
  { method: "GET", path: "/v1/admin/users", signedIn: true, body: false },
  { method: "PATCH", path: "/v1/admin/users/:id", signedIn: true, body: true },
  { method: "GET", path: "/v1/admin/users/:id/audit", signedIn: true, body: false },
  { method: "GET", path: "/v1/conversations/search", signedIn: true, body: false },
  { method: "GET", path: "/v1/conversations/:id/messages/search", signedIn: true, body: false },
  { method: "GET", path: "/v1/conversations/:id/bans", signedIn: true, body: false },
  { method: "PUT", path: "/v1/conversations/:id/bans/:userId", signedIn: true, body: false },
  { method: "DELETE", path: "/v1/conversations/:id/bans/:userId", signedIn: true, body: false },
  { method: "POST", path: "/v1/reports", signedIn: true, body: true },
  { method: "GET", path: "/v1/admin/reports", signedIn: true, body: false },
  { method: "GET", path: "/v1/admin/reports/:id", signedIn: true, body: false },
  { method: "POST", path: "/v1/admin/reports/:id/resolve", signedIn: true, body: true },
  { method: "GET", path: "/v1/me/blocks", signedIn: true, body: false },
  { method: "PUT", path: "/v1/me/blocks/:userId", signedIn: true, body: false },
  { method: "DELETE", path: "/v1/me/blocks/:userId", signedIn: true, body: false },
  { method: "GET", path: "/v1/conversations", signedIn: true, body: false },
  { method: "POST", path: "/v1/conversations", signedIn: true, body: true },
  { method: "GET", path: "/v1/conversations/unread", signedIn: true, body: false },
  { method: "GET", path: "/v1/conversations/:id", signedIn: true, body: false },
  { method: "PATCH", path: "/v1/conversations/:id", signedIn: true, body: true },
  { method: "PATCH", path: "/v1/conversations/:id/me", signedIn: true, body: true },
  { method: "PUT", path: "/v1/conversations/:id/read", signedIn: true, body: true },
  { method: "POST", path: "/v1/conversations/:id/unread", signedIn: true, body: true },
  { method: "GET", path: "/v1/conversations/:id/reads", signedIn: true, body: false },
  {
    method: "GET",
    path: "/v1/conversations/:id/messages/:seq/readers",
    signedIn: true,
    body: false,
  },
  { method: "GET", path: "/v1/conversations/:id/members", signedIn: true, body: false },
  { method: "PATCH", path: "/v1/conversations/:id/members/:userId", signedIn: true, body: true },
  { method: "POST", path: "/v1/conversations/:id/owner", signedIn: true, body: true },
  { method: "GET", path: "/v1/conversations/:id/messages", signedIn: true, body: false },
  { method: "PATCH", path: "/v1/conversations/:id/messages/:seq", signedIn: true, body: true },
  { method: "DELETE", path: "/v1/conversations/:id/messages/:seq", signedIn: true, body: false },
  { method: "GET", path: "/v1/conversations/:id/messages/:seq/edits", signedIn: true, body: false },
  {
    method: "GET",
    path: "/v1/conversations/:id/messages/:seq/reactions",
    signedIn: true,
    body: false,
  },
  {
    method: "PUT",
    path: "/v1/conversations/:id/messages/:seq/reactions/:emoji",
    signedIn: true,
    body: false,
  },
  {
    method: "DELETE",
    path: "/v1/conversations/:id/messages/:seq/reactions/:emoji",
    signedIn: true,
    body: false,
  },
  { method: "GET", path: "/v1/conversations/:id/pins", signedIn: true, body: false },
  { method: "GET", path: "/v1/conversations/:id/threads", signedIn: true, body: false },
  {
    method: "GET",
    path: "/v1/conversations/:id/threads/:seq/messages",
    signedIn: true,
    body: false,
  },
  { method: "PATCH", path: "/v1/conversations/:id/threads/:seq", signedIn: true, body: true },
  { method: "PUT", path: "/v1/conversations/:id/pins/:seq", signedIn: true, body: false },
  { method: "DELETE", path: "/v1/conversations/:id/pins/:seq", signedIn: true, body: false },
  { method: "POST", path: "/v1/conversations/:id/messages", signedIn: true, body: true },
  { method: "PUT", path: "/v1/conversations/:id/members/:userId", signedIn: true, body: false },
  { method: "DELETE", path: "/v1/conversations/:id/members/:userId", signedIn: true, body: false },
  { method: "GET", path: "/v1/presence", signedIn: true, body: false },
  { method: "GET", path: "/v1/me/presence", signedIn: true, body: false },
  { method: "PUT", path: "/v1/me/presence", signedIn: true, body: true },
  { method: "GET", path: "/dev/mailbox", signedIn: false, body: false },
  { method: "GET", path: "/dev/mailbox/:id", signedIn: false, body: false },
  { method: "GET", path: "/dev/mailbox/:id/html", signedIn: false, body: false },
  { method: "GET", path: "/swagger", signedIn: false, body: false },
  { method: "GET", path: "/swagger/json", signedIn: false, body: false },
  { method: "GET", path: "/swagger/:file", signedIn: false, body: false },
  { method: "GET", path: "/health/live", signedIn: false, body: false },
  { method: "GET", path: "/health/ready", signedIn: false, body: false },
  { method: "GET", path: "/.well-known/jwks.json", signedIn: false, body: false },
];

const TEXTS = [
  `${CANARY}' or 1=1; drop table app.users; --`,
  `<script>${CANARY}</script>`,
  `${CANARY}\u0000`,
  `\ud800${CANARY}`,
  `../../${CANARY}`,
  `${CANARY}\r\nset-cookie: a=b`,
  `\${${CANARY}}{{${CANARY}}}%s%n`,
  `${CANARY}${"a".repeat(5_000)}`,
];

export const TREES: unknown[] = [
  ...TEXTS,
  null,
  true,
  -1,
  1e308,
  [],
  {},
  [CANARY],
  { [CANARY]: CANARY },
  { $ne: CANARY },
  JSON.parse(`{"__proto__":{"role":"${CANARY}"}}`),
  JSON.parse(`{"constructor":{"prototype":{"${CANARY}":1}}}`),
];

export const FIELDS =
  "email password code displayName transport refreshToken token currentPassword newPassword kind userId name memberIds description history memberPermissions slowModeSeconds role muted archived notify seq private clientId body conversationId seq reason note action".split(
    " ",
  );

/** Bodies as text: broken ones, and ones with the right names and the wrong contents. */
const BODIES: string[] = [
  `{"${CANARY}`,
  `${CANARY}`,
  `{"a":"${CANARY}",}`,
  "[".repeat(10_000) + `"${CANARY}"` + "]".repeat(10_000),
  `{"${CANARY}":1,"${CANARY}":2}`,
  ...TREES.map((tree) => JSON.stringify(tree)),
  ...TREES.map((tree) => JSON.stringify(fill(() => tree))),
];

function fill(make: (name: string) => unknown): Record<string, unknown> {
  return Object.fromEntries(FIELDS.map((name) => [name, make(name)]));
}

const PARAMETERS = [
  CANARY,
  `%00${CANARY}`,
  `%ff${CANARY}`,
  `${CANARY}%`,
  encodeURIComponent(`${CANARY}' or '1'='1`),
  "__proto__",
  `0${CANARY}`.padEnd(36, "0"),
  "00000000-0000-0000-0000-000000000000",
  CANARY.repeat(500),
];

const QUERIES = [
  `?${CANARY}=1`,
  `?limit=${CANARY}`,
  `?limit=99999999999999999999&cursor=${CANARY}`,
  `?cursor=${CANARY}.${CANARY}`,
  `?limit=1&limit=${CANARY}`,
  `?__proto__[x]=${CANARY}`,
  `?%ff${CANARY}`,
];

export const HEADERS: Record<string, string>[] = [
  { authorization: `Bearer ${CANARY}` },
  { authorization: `Bearer e30.${CANARY}.${CANARY}` },
  { authorization: `Basic ${CANARY}` },
  { authorization: `Bearer ${CANARY.repeat(600)}` },
  { cookie: `__Host-frm_refresh=${CANARY}` },
  { cookie: `${CANARY}=%ff%00; ;;=;` },
  { "x-request-id": `<${CANARY}>` },
  { "accept-language": `${CANARY};q=${CANARY}` },
  { origin: `https://${CANARY}.example` },
  { "x-forwarded-for": CANARY, "x-forwarded-proto": CANARY, "x-forwarded-host": CANARY },
  { "content-type": `application/${CANARY}` },
  { "content-encoding": CANARY },
  { "sec-websocket-protocol": CANARY, connection: "upgrade", upgrade: CANARY },
];

export interface Attack {
  path?: string;
  query?: string;
  body?: string;
  headers?: Record<string, string>;
}

/** Every hostile part in turn, with everything else as it should be. */
export function attacksOn(route: Route): Attack[] {
  const parameters = route.path.includes(":") ? PARAMETERS : [];
  return [
    ...parameters.map((value) => ({ path: route.path.replace(/:\w+$|:\w+/, value) })),
    ...parameters.map((value) => ({ path: route.path.replaceAll(/:\w+/g, value) })),
    ...QUERIES.map((query) => ({ query })),
    ...HEADERS.map((headers) => ({ headers })),
    ...(route.method === "GET" ? [] : BODIES.map((body) => ({ body }))),
  ];
}
