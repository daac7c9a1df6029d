import { t } from "elysia";

import { defineError } from "../../platform/errors.ts";
import { defineJob } from "../../platform/queue/definition.ts";
import { count, Id, object, Time } from "../../platform/schema.ts";

export const TotpRequired = defineError("totp_required", 401, {
  en: "A code from your authenticator app, or a recovery code, is needed as well",
  vi: "Cần thêm mã từ ứng dụng xác thực hoặc mã khôi phục",
});
export const TotpInvalid = defineError("totp_invalid", 401, {
  en: "The code is wrong, or was used before",
  vi: "Mã không đúng hoặc đã được dùng",
});

export const EmailNotVerified = defineError("email_not_verified", 403, {
  en: "Confirm your e-mail address first",
  vi: "Vui lòng xác nhận địa chỉ email trước",
});

/** Of the app: six digits. Of paper: sixteen letters and digits. A wrong one is wrong, not invalid. */
const Code = t.String({
  minLength: 6,
  maxLength: 32,
  description: "Six digits of the authenticator app, or a recovery code",
  examples: ["492039"],
});

export const ConfirmBody = object({
  code: t.String({
    minLength: 6,
    maxLength: 12,
    description: "Six digits of the authenticator app",
    examples: ["492039"],
  }),
});
export const DisableBody = object({ code: Code });

export const TotpState = object(
  {
    isEnabled: t.Boolean({ description: "Whether a sign-in asks for a code" }),
    enabledAt: t.Union([Time, t.Null()]),
    recoveryCodesLeft: count("Recovery codes that were not used yet.", 10),
  },
  { title: "TotpState", description: "Whether an authenticator app guards the account." },
);
export type TotpState = typeof TotpState.static;

export const TotpSetup = object(
  {
    secret: t.String({ description: "In Base32, to be typed in.", examples: ["BASE32SECRET"] }),
    uri: t.String({
      description: "The same for a QR code.",
      examples: ["otpauth://totp/FRM-AI:lan%40example.com?secret=BASE32SECRET&issuer=FRM-AI"],
    }),
  },
  { title: "TotpSetup", description: "What an authenticator app has to know. Shown this once." },
);
export type TotpSetup = typeof TotpSetup.static;

export const RecoveryCodes = object(
  { recoveryCodes: t.Array(t.String({ examples: ["abcd-efgh-ijkl-mnop"] })) },
  { title: "RecoveryCodes", description: "Each works once. Shown this once." },
);
export type RecoveryCodes = typeof RecoveryCodes.static;

/** Tells the owner of an account what has happened to its second factor. */
export const TotpMail = defineJob("mfa.totp_mail", {
  payload: object({
    userId: Id,
    what: t.Union([
      t.Literal("enabled"),
      t.Literal("disabled"),
      t.Literal("recovery_used"),
      t.Literal("recovery_renewed"),
    ]),
  }),
});

const LOCATION = {
  Location: {
    description: "Where the state is.",
    required: true,
    schema: { type: "string" as const, examples: ["/v1/account/totp"] },
  },
};

/** What the API's document says about each operation. */
export const operations = {
  getTotp: {
    operationId: "getTotp",
    summary: "Is there a second factor",
    description: "Whether an authenticator app guards the caller's account.",
  },
  beginTotp: {
    operationId: "beginTotp",
    summary: "Set an authenticator app up",
    description:
      "Answers a secret for the app, once. It counts only after a code has confirmed it, within fifteen minutes; " +
      "until then another call replaces it. Takes an address that is confirmed, because whoever loses the app is told by mail.",
    responses: { 201: { description: "The secret, to be confirmed.", headers: LOCATION } },
  },
  confirmTotp: {
    operationId: "confirmTotp",
    summary: "Confirm an authenticator app",
    description:
      "Turns the second factor on: from now on a sign-in takes a `code`. Ends every other session of the caller, " +
      "none of which has shown the app. Answers the recovery codes, once.",
    responses: { 201: { description: "It is on.", headers: LOCATION } },
  },
  disableTotp: {
    operationId: "disableTotp",
    summary: "Turn the second factor off",
    description: "Takes the secret and all recovery codes away.",
    responses: { 204: { description: "It is off." } },
  },
  renewRecoveryCodes: {
    operationId: "renewRecoveryCodes",
    summary: "Get new recovery codes",
    description: "The old ones stop working.",
    responses: { 201: { description: "Ten new codes.", headers: LOCATION } },
  },
};
