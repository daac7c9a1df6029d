import { t } from "elysia";

import { defineError } from "../../../platform/errors.ts";
import { defineJob } from "../../../platform/queue/definition.ts";
import { Email, Id, NewPassword, object, ShownPassword, Time } from "../../../platform/schema.ts";

export const LinkInvalid = defineError("link_invalid", 400, {
  en: "This link has expired or was used already; ask for a new one",
  vi: "Liên kết đã hết hạn hoặc đã được dùng; hãy yêu cầu liên kết mới",
});

export const DeletionUnderWay = defineError("deletion_under_way", 409, {
  en: "It is too late: the account is being erased",
  vi: "Đã quá muộn: tài khoản đang được xóa",
});
export const ExportNotReady = defineError("export_not_ready", 409, {
  en: "The copy of your data is not ready yet, or could not be made",
  vi: "Bản sao dữ liệu chưa sẵn sàng hoặc không tạo được",
});

const Token = t.String({
  minLength: 1,
  maxLength: 128,
  description: "From the link in the mail: what stands behind `#token=`.",
  examples: ["token-from-the-link"],
});

export const ForgottenBody = object({ email: Email });
export const TokenBody = object({ token: Token });
export const ResetBody = object({ token: Token, password: NewPassword });
export const ChangePasswordBody = object({
  currentPassword: ShownPassword,
  newPassword: NewPassword,
});
export const ChangeEmailBody = object({ email: Email });

/** The same for everybody, so that nobody learns from it who has an account. */
export const Accepted = object(
  { status: t.Literal("accepted") },
  { title: "Accepted", description: "It was asked for; where a mail is due, it is on its way." },
);
export const ACCEPTED: typeof Accepted.static = { status: "accepted" };

export const EmailConfirmed = object(
  {
    changed: t.Boolean({
      description:
        "Whether the address has changed now; else the other address has yet to confirm.",
    }),
  },
  { title: "EmailConfirmed" },
);
export type EmailConfirmed = typeof EmailConfirmed.static;

/** Mails a link that proves that mail reaches the account's address; nothing when that is known. */
export const VerificationMail = defineJob("account.verification_mail", {
  payload: object({ userId: Id }),
});
/** Mails a link to a new password, if there is an account with this address. */
export const ResetMail = defineJob("account.reset_mail", {
  payload: object({ email: t.String({ maxLength: 254 }) }),
});
/** Tells the owner of an account that its password is another now. */
export const PasswordMail = defineJob("account.password_mail", {
  payload: object({ userId: Id, cause: t.Union([t.Literal("changed"), t.Literal("reset")]) }),
});
/** Asks one of the two addresses whether the account may move. */
export const EmailChangeMail = defineJob("account.email_change_mail", {
  payload: object({ changeId: Id, side: t.Union([t.Literal("old"), t.Literal("new")]) }),
});
/** Tells the address that an account had until now. */
export const EmailChangedMail = defineJob("account.email_changed_mail", {
  payload: object({ userId: Id, address: t.String({ maxLength: 254 }) }),
});

/** Tells the owner that their account will be erased, or that it stays. */
export const DeletionMail = defineJob("account.deletion_mail", {
  payload: object({
    userId: Id,
    what: t.Union([t.Literal("requested"), t.Literal("cancelled")]),
    /** When it was to be erased; a letter that comes late tells of its own request. */
    dueAt: Time,
  }),
});
/** Clears what Redis counts of who was erased, and tells the address that it was of; nothing else knows it any more. */
export const ErasedMail = defineJob("account.erased_mail", {
  payload: object({
    userId: Id,
    address: t.String({ maxLength: 254 }),
    locale: t.Union([t.Literal("vi"), t.Literal("en")]),
  }),
});
/** Tells the owner that the copy of their data can be fetched. */
export const ExportMail = defineJob("account.export_mail", {
  payload: object({ userId: Id, expiresAt: Time }),
});
/** Writes the copy of somebody's data. */
export const WriteExport = defineJob("account.write_export", {
  payload: object({ exportId: Id }),
  timeoutMs: 900_000,
});
/** Erases the accounts that are due, and deletes the copies that have expired. */
export const Sweep = defineJob("account.sweep", { payload: object({}), timeoutMs: 600_000 });

/** What the API's document says about each operation. */
export const operations = {
  resendVerification: {
    operationId: "resendVerification",
    summary: "Mail me the link that confirms my address",
    description:
      "A new link, valid for a day; the ones before it stop working. Nothing is mailed when the address is confirmed already.",
    responses: { 202: { description: "The mail is on its way." } },
  },
  confirmEmail: {
    operationId: "confirmEmail",
    summary: "Confirm an address",
    description: "Takes the token of the mailed link, once. Nobody needs to be signed in.",
    responses: { 204: { description: "Mail to this address reaches the account's owner." } },
  },
  forgetPassword: {
    operationId: "forgetPassword",
    summary: "I have forgotten my password",
    description:
      "Mails a link to a new password if there is such an account. Whether there is one cannot be told from the answer.",
    responses: { 202: { description: "If there is such an account, the mail is on its way." } },
  },
  resetPassword: {
    operationId: "resetPassword",
    summary: "Set a new password with a mailed link",
    description:
      "Takes the token of the mailed link, once and within 30 minutes. Ends every session of the account and signs nobody in. " +
      "A deletion that is planned is taken back.",
    responses: { 204: { description: "The password is set, and every session has ended." } },
  },
  changePassword: {
    operationId: "changePassword",
    summary: "Change my password",
    description:
      "Ends every other session of the caller, and tells them by mail. Where there is a second factor, it asks for a " +
      "recent proof of both as well.",
    responses: { 204: { description: "The password has changed." } },
  },
  requestEmailChange: {
    operationId: "requestEmailChange",
    summary: "Move my account to another address",
    description:
      "Mails a link to both addresses; the address changes when both have confirmed. Another wish takes the place of this one. " +
      "Asks for a recent proof of who the caller is. Whether the new address is taken cannot be told from the answer.",
    responses: { 202: { description: "The mails are on their way." } },
  },
  confirmEmailChange: {
    operationId: "confirmEmailChange",
    summary: "Confirm a change of address",
    description:
      "Takes the token from the mail to either address, once and within 30 minutes. The second one changes the address.",
    responses: { 200: { description: "This address has confirmed." } },
  },
};
