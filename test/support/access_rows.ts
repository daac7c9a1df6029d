import { CHAT_INPUTS, group } from "./access_chat.ts";
import { MESSAGE_FRAMES, MESSAGE_INPUTS, MESSAGE_ROWS } from "./access_messages.ts";
import { SAFETY_INPUTS } from "./access_safety.ts";
import { PASSWORD, type Person, sessionOf, signIn, signUp } from "./client.ts";
import type { Call } from "./contract.ts";
import { scheduleDeletion } from "./lifecycle.ts";
import { type App, codeOf, enableApp, setUpApp } from "./totp.ts";

/**
 * Who knocks. `expired` and `revoked` are the owner with a session that has run out or was ended; `member` and `owner`
 * stand in relation to the thing that a route is about, and are its strangers where nobody else can have one.
 */
export const VISITORS = [
  "anonymous",
  "expired",
  "revoked",
  "stranger",
  "member",
  "owner",
  "moderator",
  "admin",
] as const;
export type Visitor = (typeof VISITORS)[number];

/** Refusals in short; every other cell is a status, the type of the answering frame, or the code of a close. */
export const REFUSALS: Record<string, string> = {
  anon: "401 unauthenticated",
  old: "401 token_expired",
  gone: "401 session_revoked",
  no: "403 forbidden",
  none: "404 not_found",
  link: "400 link_invalid",
};

/**
 * What each visitor gets from each route and each frame of the socket. To add a route, add its row; where it has
 * parameters or takes a body, add how to call it to INPUTS.
 */
export const TABLE = `
route                                          anonymous  expired  revoked  stranger  member    owner     moderator  admin
POST /v1/auth/register                         201        201      201      201       201       201       201        201
POST /v1/auth/login                            200        200      200      200       200       200       200        200
POST /v1/auth/refresh                          anon       gone     gone     200       200       200       200        200
POST /v1/auth/logout                           204        old      204      204       204       204       204        204
GET /v1/me                                     anon       old      gone     200       200       200       200        200
POST /v1/auth/reauthenticate                   anon       old      gone     200       200       200       200        200
GET /v1/sessions                               anon       old      gone     200       200       200       200        200
DELETE /v1/sessions                            anon       old      gone     204       204       204       204        204
DELETE /v1/sessions/:id                        anon       old      gone     none      none      204       none       none
POST /v1/account/email/verification            anon       old      gone     202       202       202       202        202
POST /v1/account/email/verification/confirm    link       link     link     link      link      link      link       link
POST /v1/account/password/forgotten            202        202      202      202       202       202       202        202
POST /v1/account/password/reset                link       link     link     link      link      link      link       link
PUT /v1/account/password                       anon       old      gone     204       204       204       204        204
POST /v1/account/email                         anon       old      gone     202       202       202       202        202
POST /v1/account/email/confirm                 link       link     link     link      link      link      link       link
GET /v1/account/deletion                       anon       old      gone     200       200       200       200        200
POST /v1/account/deletion                      anon       old      gone     202       202       202       202        202
DELETE /v1/account/deletion                    anon       old      gone     204       204       204       204        204
GET /v1/account/exports                        anon       old      gone     200       200       200       200        200
POST /v1/account/exports                       anon       old      gone     202       202       202       202        202
GET /v1/account/exports/:id                    anon       old      gone     none      none      200       none       none
GET /v1/account/exports/:id/document           anon       old      gone     none      none      200       none       none
GET /v1/account/totp                           anon       old      gone     200       200       200       200        200
POST /v1/account/totp                          anon       old      gone     201       201       201       201        201
POST /v1/account/totp/confirm                  anon       old      gone     201       201       201       201        201
POST /v1/account/totp/recovery-codes           anon       old      gone     201       201       201       201        201
DELETE /v1/account/totp                        anon       old      gone     204       204       204       204        204
GET /v1/me/audit                               anon       old      gone     200       200       200       200        200
GET /v1/admin/users                            anon       old      gone     none      none      none      no         200
PATCH /v1/admin/users/:id                      anon       old      gone     none      none      none      200        200
GET /v1/admin/users/:id/audit                  anon       old      gone     none      none      none      none       200
GET /.well-known/jwks.json                     200        200      200      200       200       200       200        200
GET /v1/conversations                          anon       old      gone     200       200       200       200        200
POST /v1/conversations                         anon       old      gone     201       201       201       201        201
GET /v1/conversations/unread                   anon       old      gone     200       200       200       200        200
GET /v1/conversations/:id                      anon       old      gone     none      200       200       none       none
PATCH /v1/conversations/:id                    anon       old      gone     none      no        200       none       none
PATCH /v1/conversations/:id/me                 anon       old      gone     none      200       200       none       none
PUT /v1/conversations/:id/read                 anon       old      gone     none      200       200       none       none
POST /v1/conversations/:id/unread              anon       old      gone     none      200       200       none       none
GET /v1/conversations/:id/reads                anon       old      gone     none      200       200       none       none
GET /v1/conversations/:id/messages/:seq/readers  anon     old      gone     none      200       200       none       none
GET /v1/conversations/:id/members              anon       old      gone     none      200       200       none       none
PATCH /v1/conversations/:id/members/:userId    anon       old      gone     none      no        204       none       none
POST /v1/conversations/:id/owner               anon       old      gone     none      no        204       none       none
GET /v1/conversations/:id/messages             anon       old      gone     none      200       200       none       none
POST /v1/conversations/:id/messages            anon       old      gone     none      201       201       none       none
PUT /v1/conversations/:id/members/:userId      anon       old      gone     none      no        204       none       none
DELETE /v1/conversations/:id/members/:userId   anon       old      gone     none      no        204       none       none
GET /v1/presence                               anon       old      gone     200       200       200       200        200
GET /v1/me/presence                            anon       old      gone     200       200       200       200        200
PUT /v1/me/presence                            anon       old      gone     200       200       200       200        200
GET /v1/conversations/search                   anon       old      gone     200       200       200       200        200
GET /v1/conversations/:id/messages/search      anon       old      gone     none      200       200       none       none
GET /v1/conversations/:id/bans                 anon       old      gone     none      no        200       none       none
PUT /v1/conversations/:id/bans/:userId         anon       old      gone     none      no        204       none       none
DELETE /v1/conversations/:id/bans/:userId      anon       old      gone     none      no        204       none       none
POST /v1/reports                               anon       old      gone     none      201       201       none       none
GET /v1/admin/reports                          anon       old      gone     none      none      none      200        200
GET /v1/admin/reports/:id                      anon       old      gone     none      none      none      200        200
POST /v1/admin/reports/:id/resolve             anon       old      gone     none      none      none      200        200
GET /v1/me/blocks                              anon       old      gone     200       200       200       200        200
PUT /v1/me/blocks/:userId                      anon       old      gone     204       204       204       204        204
DELETE /v1/me/blocks/:userId                   anon       old      gone     204       204       204       204        204
POST /v1/realtime/ticket                       anon       old      gone     201       201       201       201        201
GET /v1/ws                                     101        101      101      101       101       101       101        101
GET /health/live                               200        200      200      200       200       200       200        200
GET /health/ready                              200        200      200      200       200       200       200        200
GET /swagger                                   200        200      200      200       200       200       200        200
GET /swagger/json                              200        200      200      200       200       200       200        200
GET /swagger/:file                             200        200      200      200       200       200       200        200
GET /dev/mailbox                               200        200      200      200       200       200       200        200
GET /dev/mailbox/:id                           200        200      200      200       200       200       200        200
GET /dev/mailbox/:id/html                      200        200      200      200       200       200       200        200
SOCKET hello                                   4401       4401     4401     hello.ok  hello.ok  hello.ok  hello.ok   hello.ok
SOCKET hb                                      4400       4401     4401     hb.ok     hb.ok     hb.ok     hb.ok      hb.ok
SOCKET tok                                     4400       4401     4401     4401      4401      tok.ok    4401       4401
SOCKET send                                    4400       4401     4401     none      ack       ack       none       none
SOCKET read                                    4400       4401     4401     none      ok        ok        none       none
SOCKET sync                                    4400       4401     4401     none      sync.ok   sync.ok   none       none
SOCKET sub                                     4400       4401     4401     sub.ok    sub.ok    sub.ok    sub.ok     sub.ok
SOCKET unsub                                   4400       4401     4401     unsub.ok  unsub.ok  unsub.ok  unsub.ok   unsub.ok
SOCKET focus                                   4400       4401     4401     ok        ok        ok        ok         ok
SOCKET typ                                     4400       4401     4401     ok        ok        ok        ok         ok
SOCKET pres                                    4400       4401     4401     ok        ok        ok        ok         ok${MESSAGE_ROWS}`;

/** What stands around the calls. */
export interface Stage {
  url: string;
  /** Everybody but the anonymous one, each with an address that is confirmed. */
  people: Record<Exclude<Visitor, "anonymous">, Person>;
  /** In every group, with nothing to say. */
  silent: Person;
  mailId: string;
  /** The owner's copy of their data. */
  exportId: string;
}

/** Makes what a call needs, anew each time, because a call that is let in changes it. */
export type Input = (stage: Stage, person: Person | undefined) => Call | Promise<Call>;

/** What no mail has ever carried. */
const MADE_UP = { token: "made-up" };

const ANY_CODE = { code: "123456" };

/** The authenticator apps of those who have one, by the person's id. */
const apps = new Map<string, App>();

async function appOf({ url }: Stage, person: Person): Promise<App> {
  const app = apps.get(person.id) ?? (await enableApp(url, person));
  apps.set(person.id, app);
  return app;
}

function isLetIn({ people }: Stage, person: Person | undefined): person is Person {
  return person !== undefined && person !== people.expired && person !== people.revoked;
}

/** How to call a route that takes an input; every other one is called as it is. */
export const INPUTS: Record<string, Input> = {
  "POST /v1/auth/register": () => ({
    body: {
      email: `${crypto.randomUUID()}@example.com`,
      password: PASSWORD,
      displayName: "New",
    },
  }),
  "POST /v1/auth/login": ({ people }, person) => ({
    body: { email: (person ?? people.stranger).email, password: PASSWORD },
  }),
  "POST /v1/auth/refresh": (_, person) =>
    person ? { body: { refreshToken: person.refreshToken } } : {},
  "POST /v1/auth/logout": async (stage, person) =>
    isLetIn(stage, person) ? { token: (await signIn(stage.url, person)).token } : {},
  "POST /v1/auth/reauthenticate": () => ({ body: { password: PASSWORD } }),
  "POST /v1/account/email/verification/confirm": () => ({ body: MADE_UP }),
  "POST /v1/account/email/confirm": () => ({ body: MADE_UP }),
  "POST /v1/account/password/reset": () => ({ body: { ...MADE_UP, password: PASSWORD } }),
  "POST /v1/account/password/forgotten": ({ people }, person) => ({
    body: { email: (person ?? people.stranger).email },
  }),
  "POST /v1/account/email": () => ({ body: { email: `${crypto.randomUUID()}@example.com` } }),
  // The same one again, so that the person can still be signed in.
  "PUT /v1/account/password": () => ({
    body: { currentPassword: PASSWORD, newPassword: PASSWORD },
  }),
  // Asked for before, so that there is something to take back; last of its rows, so that nobody is about to go.
  "DELETE /v1/account/deletion": async (stage, person) => {
    if (isLetIn(stage, person)) await scheduleDeletion(stage.url, person);
    return {};
  },
  "GET /v1/account/exports/:id": ({ exportId }) => ({ params: { id: exportId } }),
  "GET /v1/account/exports/:id/document": ({ exportId }) => ({ params: { id: exportId } }),
  "POST /v1/account/totp/confirm": async (stage, person) => {
    if (!isLetIn(stage, person)) return { body: ANY_CODE };
    const app = await setUpApp(stage.url, person);
    apps.set(person.id, app);
    return { body: { code: codeOf(app) } };
  },
  "POST /v1/account/totp/recovery-codes": async (stage, person) => {
    if (isLetIn(stage, person)) await appOf(stage, person);
    return {};
  },
  // Last of these rows, so that the password alone signs everybody in again.
  "DELETE /v1/account/totp": async (stage, person) => {
    if (!isLetIn(stage, person)) return { body: ANY_CODE };
    const app = await appOf(stage, person);
    apps.delete(person.id);
    return { body: { code: codeOf(app, 1) } };
  },
  "DELETE /v1/sessions": () => ({ query: "?scope=others" }),
  "DELETE /v1/sessions/:id": async ({ url, people }) => ({
    params: { id: sessionOf((await signIn(url, people.owner)).token) },
  }),
  "PATCH /v1/admin/users/:id": async ({ url }) => ({
    params: { id: (await signUp(url)).id },
    body: { banned: true },
  }),
  "GET /v1/admin/users/:id/audit": ({ people }) => ({ params: { id: people.stranger.id } }),
  "POST /v1/conversations": () => ({ body: { kind: "group", name: "VN30", memberIds: [] } }),
  ...CHAT_INPUTS,
  ...MESSAGE_INPUTS,
  ...SAFETY_INPUTS,
  "GET /v1/presence": ({ people }) => ({ query: `?userIds=${people.stranger.id}` }),
  "PUT /v1/me/presence": () => ({
    body: { visibleTo: "contacts", lastSeenTo: "nobody", isInvisible: false },
  }),
  "GET /swagger/:file": () => ({ params: { file: "swagger-ui.css" } }),
  "GET /dev/mailbox/:id": ({ mailId }) => ({ params: { id: mailId } }),
  "GET /dev/mailbox/:id/html": ({ mailId }) => ({ params: { id: mailId } }),
};

/** The frame that follows a hello, by its row. */
export const FRAMES: Record<string, (stage: Stage) => Promise<object> | object> = {
  ...MESSAGE_FRAMES,
  "SOCKET hb": () => ({ t: "hb", i: 2 }),
  // The owner's own token: whoever else shows it says that the socket was opened for somebody else.
  "SOCKET tok": ({ people }) => ({ t: "tok", i: 2, tok: people.owner.token }),
  "SOCKET send": async (stage) => {
    const ch = `c:${(await group(stage)).id}`;
    return { t: "send", i: 2, ch, cid: crypto.randomUUID(), body: "Good morning" };
  },
  "SOCKET read": async (stage) => {
    const ch = `c:${(await group(stage)).id}`;
    return { t: "read", i: 2, ch, seq: 1 };
  },
  "SOCKET sync": async (stage) => {
    const ch = `c:${(await group(stage)).id}`;
    return { t: "sync", i: 2, ch, from: 0 };
  },
  "SOCKET sub": () => ({ t: "sub", i: 2, ch: ["ticker:VNM"] }),
  "SOCKET unsub": () => ({ t: "unsub", i: 2, ch: ["ticker:VNM"] }),
  // What a socket looks at says nothing of whether it gets anything there; what others may not see is told nobody.
  "SOCKET focus": async (stage) => ({ t: "focus", i: 2, ch: [`c:${(await group(stage)).id}`] }),
  "SOCKET typ": async (stage) => {
    const ch = `c:${(await group(stage)).id}`;
    return { t: "typ", i: 2, ch, on: true };
  },
  "SOCKET pres": () => ({ t: "pres", i: 2, status: "away" }),
};
