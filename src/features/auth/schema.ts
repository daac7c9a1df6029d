import { t } from "elysia";

import { defineError, type Locale } from "../../platform/errors.ts";
import { defineJob } from "../../platform/queue/definition.ts";
import { Id, line, object, Time } from "../../platform/schema.ts";

export const InvalidCredentials = defineError("invalid_credentials", 401, {
  en: "The e-mail address or the password is wrong",
  vi: "Email hoặc mật khẩu không đúng",
});
export const RefreshReused = defineError("refresh_reused", 401, {
  en: "This refresh token was used before; the session has been ended for your safety",
  vi: "Mã làm mới đã được dùng trước đó; phiên đăng nhập đã kết thúc để bảo vệ bạn",
});

const Email = t.String({ format: "frm-email", maxLength: 254, examples: ["lan@example.com"] });
/** Counted after Unicode normalisation; no rules of composition, because length is what resists guessing. */
const NewPassword = t.String({ minLength: 8, maxLength: 128 });
/** Where the refresh token travels: a cookie for browsers, the body for native clients. */
const Transport = t.Optional(t.Union([t.Literal("cookie"), t.Literal("body")]));

export const RegisterBody = object({
  email: Email,
  password: NewPassword,
  displayName: line(60),
  transport: Transport,
});

/** A wrong password may be as long as it likes within reason: it is wrong, not invalid. */
export const LoginBody = object({
  email: t.String({ minLength: 1, maxLength: 254 }),
  password: t.String({ minLength: 1, maxLength: 128 }),
  transport: Transport,
});

export const RefreshBody = t.Optional(
  object({ refreshToken: t.Optional(t.String({ minLength: 1, maxLength: 256 })) }),
);

const Role = t.Union([t.Literal("user"), t.Literal("moderator"), t.Literal("admin")]);
const Tier = t.Union([t.Literal("free"), t.Literal("premium"), t.Literal("enterprise")]);

export const Me = object({
  id: Id,
  email: t.String(),
  displayName: t.String(),
  role: Role,
  tier: Tier,
  locale: t.Union([t.Literal("vi"), t.Literal("en")]),
  createdAt: Time,
});
export type Me = typeof Me.static;

export const SignedIn = object({
  user: Me,
  accessToken: t.String(),
  /** Seconds. */
  expiresIn: t.Number(),
  refreshToken: t.Optional(t.String()),
});

export const KeySet = object({
  keys: t.Array(
    object({
      kty: t.Literal("OKP"),
      crv: t.Literal("Ed25519"),
      x: t.String(),
      kid: t.String(),
      use: t.Literal("sig"),
      alg: t.Literal("EdDSA"),
    }),
  ),
});

export const WelcomeMail = defineJob("auth.welcome_mail", { payload: object({ userId: Id }) });

/** Who is asking, read live: the token names only the user and the session. */
export interface Session {
  userId: string;
  sessionId: string;
  role: typeof Role.static;
  tier: typeof Tier.static;
  locale: Locale;
}
