import { t } from "elysia";

import { defineError } from "../../platform/errors.ts";
import { defineJob } from "../../platform/queue/definition.ts";
import {
  count,
  Email,
  Id,
  integer,
  line,
  NewPassword,
  object,
  page,
  ShownPassword,
  Time,
} from "../../platform/schema.ts";

export const InvalidCredentials = defineError("invalid_credentials", 401, {
  en: "The e-mail address or the password is wrong",
  vi: "Email hoặc mật khẩu không đúng",
});
export const AccountBanned = defineError("account_banned", 403, {
  en: "This account is banned",
  vi: "Tài khoản này đã bị khóa",
});
export const RefreshReused = defineError("refresh_reused", 401, {
  en: "This refresh token was used before; the session has been ended for your safety",
  vi: "Mã làm mới đã được dùng trước đó; phiên đăng nhập đã kết thúc để bảo vệ bạn",
});
export const RefreshSuperseded = defineError("refresh_superseded", 401, {
  en: "This refresh token has just been replaced; use the newest one",
  vi: "Mã làm mới này vừa được thay thế; hãy dùng mã mới nhất",
});
export const ReauthenticationRequired = defineError("reauthentication_required", 403, {
  en: "Prove once more who you are before you do this",
  vi: "Vui lòng xác thực lại trước khi thực hiện thao tác này",
});

/** Asked for where the account has a second factor; ignored where it has none. */
const CODE = "Of the authenticator app, or a recovery code, after `totp_required`";
const Code = t.Optional(t.String({ minLength: 6, maxLength: 32, description: CODE }));
/** Where the refresh token travels: a cookie for browsers, the body for native clients. */
const Transport = t.Optional(
  t.Union([t.Literal("cookie"), t.Literal("body")], {
    description: "Where the refresh token travels. A page cannot ask for `body`.",
  }),
);

export const RegisterBody = object({
  email: Email,
  password: NewPassword,
  displayName: line(60, { examples: ["Lan"] }),
  transport: Transport,
});

export const LoginBody = object({
  email: t.String({ minLength: 1, maxLength: 254, examples: ["lan@example.com"] }),
  password: ShownPassword,
  code: Code,
  transport: Transport,
});

/** Proves anew who is behind a session. */
export const ReauthenticationBody = object({
  password: ShownPassword,
  code: Code,
  transport: Transport,
});

export const RefreshBody = t.Optional(
  object({
    refreshToken: t.Optional(
      t.String({
        minLength: 1,
        maxLength: 256,
        description: "Of a native client; a browser's is in its cookie.",
      }),
    ),
  }),
);

const Role = t.Union([t.Literal("user"), t.Literal("moderator"), t.Literal("admin")]);
const Tier = t.Union([t.Literal("free"), t.Literal("premium"), t.Literal("enterprise")]);

export const Me = object(
  {
    id: Id,
    email: t.String({ examples: ["lan@example.com"] }),
    emailVerified: t.Boolean({ description: "Whether mail is known to reach the user there." }),
    displayName: t.String({ examples: ["Lan"] }),
    role: Role,
    tier: Tier,
    locale: t.Union([t.Literal("vi"), t.Literal("en")]),
    createdAt: Time,
  },
  { title: "Me", description: "The signed-in user." },
);
export type Me = typeof Me.static;

export const SignedIn = object(
  {
    user: Me,
    accessToken: t.String({
      description: "For `Authorization: Bearer`.",
      examples: ["header.claims.signature"],
    }),
    expiresIn: count("Seconds for which the access token works.", 600),
    refreshToken: t.Optional(t.String({ description: "Only with the transport `body`." })),
  },
  { title: "SignedIn", description: "A user with the tokens of a session." },
);

export const KeySet = object(
  {
    keys: t.Array(
      object({
        kty: t.Literal("OKP"),
        crv: t.Literal("Ed25519"),
        x: t.String({ examples: ["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"] }),
        kid: t.String({ examples: ["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"] }),
        use: t.Literal("sig"),
        alg: t.Literal("EdDSA"),
      }),
    ),
  },
  { title: "KeySet", description: "A JSON Web Key Set, after RFC 7517." },
);

export const SessionItem = object(
  {
    id: Id,
    /** As the device calls itself; empty where it does not. */
    device: t.String({ examples: ["Firefox, Windows"] }),
    network: t.String({
      description: "Network that it came from, shortened",
      examples: ["203.0.113.0/24"],
    }),
    isCurrent: t.Boolean({ description: "Whether it is the one that asks" }),
    createdAt: Time,
    lastSeenAt: Time,
    authenticatedAt: Time,
  },
  { title: "Session" },
);
export type SessionItem = typeof SessionItem.static;
export const SessionPage = page(SessionItem);
export const SessionParams = object({
  id: t.String({ ...Id, description: "The session" }),
});
export const SessionScope = object({
  scope: t.Union([t.Literal("others"), t.Literal("all")], {
    description: "Whether the session that asks stays",
  }),
});

/** Tells the owner that an old refresh token was shown, and that the session has ended. */
export const ReuseMail = defineJob("auth.reuse_mail", {
  payload: object({ userId: Id, sessionId: Id }),
});
/** Leaves tombstones for ended sessions: Redis may have been away when they ended. */
export const BurySessions = defineJob("auth.bury_sessions", {
  payload: object({ userId: Id, sessionIds: t.Array(Id, { minItems: 1, maxItems: 1_000 }) }),
  maxAttempts: 10,
});

export const WelcomeMail = defineJob("auth.welcome_mail", { payload: object({ userId: Id }) });

/** Deletes what is left of sessions that ended long ago. */
export const SweepSessions = defineJob("auth.sweep_sessions", { payload: object({}) });
/** Puts copies of sessions out of date after a change of their account, where that could not be done at once. */
export const OutdateSessions = defineJob("auth.outdate_sessions", {
  payload: object({
    userId: Id,
    sessionIds: t.Array(Id, { maxItems: 1_000 }),
    version: integer(1),
  }),
  maxAttempts: 10,
});

/** Who is asking, read live: the token names only the user and the session. */
export interface Session extends Omit<Me, "id"> {
  userId: string;
  sessionId: string;
  /** When it ends at the latest, in milliseconds since the epoch. */
  endsAt: number;
}

const SET_COOKIE = {
  "Set-Cookie": {
    description: "The refresh token, in a cookie that no script can read; not with `body`.",
    schema: { type: "string" as const },
  },
};
const CSRF = {
  name: "X-FRM-CSRF",
  in: "header",
  description: "`1`, needed when the refresh token comes in its cookie.",
  schema: { type: "string" as const, enum: ["1"] },
};

/** What the API's document says about each operation. */
export const operations = {
  register: {
    operationId: "register",
    summary: "Open an account",
    description: "Makes an account and signs its owner in.",
    responses: {
      201: {
        description: "The account is there, and its owner is signed in.",
        headers: {
          ...SET_COOKIE,
          Location: {
            description: "Where the user is.",
            required: true,
            schema: { type: "string" as const, examples: ["/v1/me"] },
          },
        },
      },
    },
  },
  login: {
    operationId: "login",
    summary: "Sign in",
    description:
      "Starts a session. Which half of a login was wrong is never said. Where the account has a second factor, the " +
      "right password without a `code` answers `totp_required`; ask for one, and send all of it again.",
    responses: { 200: { description: "A new session.", headers: SET_COOKIE } },
  },
  refresh: {
    operationId: "refreshSession",
    summary: "Exchange a refresh token",
    description:
      "Answers the next access token and replaces the refresh token, from the body or else from its cookie. " +
      "A refresh token that comes a second time ends the session.",
    parameters: [CSRF],
    responses: { 200: { description: "The session goes on.", headers: SET_COOKIE } },
  },
  logout: {
    operationId: "logout",
    summary: "Sign out",
    description:
      "Ends the session of the access token, or of the refresh token, on every instance; " +
      "of the refresh token too where the access token beside it has expired. " +
      "Without either there is nothing to end, and that is no error.",
    security: [{}, { bearer: [] }],
    parameters: [CSRF],
    responses: {
      204: {
        description: "The session has ended.",
        headers: {
          "Set-Cookie": {
            description: "Takes the cookie away; not for a page that shows no token.",
            schema: { type: "string" as const },
          },
          "Clear-Site-Data": {
            description: "Empties the browser's cache; comes with `Set-Cookie`.",
            schema: { type: "string" as const, examples: ['"cache"'] },
          },
        },
      },
    },
  },
  getMe: {
    operationId: "getMe",
    summary: "Who am I",
    description: "The user that the access token belongs to.",
  },
  reauthenticate: {
    operationId: "reauthenticate",
    summary: "Prove once more who you are",
    description:
      "What could take an account over asks for a proof that is at most ten minutes old, or answers " +
      "`reauthentication_required`. The session goes on with the tokens of the answer, in place of those before.",
    responses: { 200: { description: "It may now do what needs care.", headers: SET_COOKIE } },
  },
  listSessions: {
    operationId: "listSessions",
    summary: "List my sessions",
    description: "The devices on which the caller is signed in, the newest sign-in first.",
  },
  endSession: {
    operationId: "endSession",
    summary: "Sign a device out",
    description:
      "Ends one session of the caller: its next request is refused, and its sockets close.",
    responses: { 204: { description: "The session has ended." } },
  },
  endSessions: {
    operationId: "endSessions",
    summary: "Sign devices out",
    description:
      "Ends all sessions of the caller, or with `scope=others` all but the one that asks.",
    responses: { 204: { description: "They have ended." } },
  },
  listKeys: {
    operationId: "listKeys",
    summary: "Our public keys",
    description: "The keys that verify our access tokens.",
  },
};
