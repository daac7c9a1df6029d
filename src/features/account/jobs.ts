import type { WorkerPlatform } from "../../platform/platform.ts";
import { handle, type JobHandler } from "../../platform/queue/definition.ts";
import type { Recurring } from "../../platform/queue/schedule.ts";
import {
  DeletionMail,
  EmailChangedMail,
  EmailChangeMail,
  ErasedMail,
  ExportMail,
  PasswordMail,
  ResetMail,
  Sweep,
  VerificationMail,
  WriteExport,
} from "./schema/credentials.ts";
import { writeExport } from "./service/export_writing.ts";
import { sendDeletionMail, sendErasedMail, sendExportMail } from "./service/lifecycle_mails.ts";
import {
  sendEmailChangedMail,
  sendEmailChangeMail,
  sendPasswordMail,
  sendResetMail,
  sendVerificationMail,
} from "./service/mails.ts";
import { sweep } from "./service/sweep.ts";

const MINUTE_MS = 60_000;
export const ACCOUNT_SCHEDULE: Recurring[] = [{ kind: Sweep, everyMs: MINUTE_MS }];

/**
 * account.{verification,reset,password,email_change,email_changed,deletion,erased,export}_mail · account.write_export ·
 * account.sweep
 */
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
    handle(DeletionMail, (payload, { id, signal }) =>
      sendDeletionMail(platform, { ...payload, mailId: id, signal }),
    ),
    handle(ErasedMail, (payload, { id, signal }) =>
      sendErasedMail(platform, { ...payload, mailId: id, signal }),
    ),
    handle(ExportMail, (payload, { id, signal }) =>
      sendExportMail(platform, { ...payload, mailId: id, signal }),
    ),
    handle(WriteExport, ({ exportId }, { signal }) => writeExport(platform, { exportId, signal })),
    handle(Sweep, (_, { signal, log }) => sweep(platform, { signal, log })),
  ];
}
