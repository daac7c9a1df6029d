import type { WorkerPlatform } from "../../platform/platform.ts";
import { handle, type JobHandler } from "../../platform/queue/definition.ts";
import { TotpMail } from "./schema.ts";
import { sendTotpMail } from "./service/totp_mail.ts";

/** mfa.totp_mail */
export function mfaJobs(platform: WorkerPlatform): JobHandler[] {
  return [
    handle(TotpMail, ({ userId, what }, { id, signal }) =>
      sendTotpMail(platform, { userId, what, mailId: id, signal }),
    ),
  ];
}
