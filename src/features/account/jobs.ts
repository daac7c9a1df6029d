import type { WorkerPlatform } from "../../platform/platform.ts";
import { handle, type JobHandler } from "../../platform/queue/definition.ts";
import {
  EmailChangedMail,
  EmailChangeMail,
  PasswordMail,
  ResetMail,
  VerificationMail,
} from "./schema.ts";
import {
  sendEmailChangedMail,
  sendEmailChangeMail,
  sendPasswordMail,
  sendResetMail,
  sendVerificationMail,
} from "./service/mails.ts";

/** account.{verification,reset,password,email_change,email_changed}_mail */
export function accountJobs(platform: WorkerPlatform): JobHandler[] {
  return [
    handle(VerificationMail, (payload, { id, signal }) =>
      sendVerificationMail(platform, { ...payload, mailId: id, signal }),
    ),
    handle(ResetMail, (payload, { id, signal }) =>
      sendResetMail(platform, { ...payload, mailId: id, signal }),
    ),
    handle(PasswordMail, (payload, { id, signal }) =>
      sendPasswordMail(platform, { ...payload, mailId: id, signal }),
    ),
    handle(EmailChangeMail, (payload, { id, signal }) =>
      sendEmailChangeMail(platform, { ...payload, mailId: id, signal }),
    ),
    handle(EmailChangedMail, (payload, { id, signal }) =>
      sendEmailChangedMail(platform, { ...payload, mailId: id, signal }),
    ),
  ];
}
