import type { WorkerPlatform } from "../../platform/platform.ts";
import { handle, type JobHandler } from "../../platform/queue/definition.ts";
import { BurySessions, OutdateSessions, ReuseMail, WelcomeMail } from "./schema.ts";
import { sendReuseMail } from "./service/reuse_mail.ts";
import { burySession, outdateCopies } from "./service/session_copies.ts";
import { sendWelcomeMail } from "./service/welcome.ts";

/** auth.welcome_mail · auth.reuse_mail · auth.bury_sessions · auth.outdate_sessions */
export function authJobs(platform: WorkerPlatform): JobHandler[] {
  return [
    handle(WelcomeMail, ({ userId }, { id, signal }) =>
      sendWelcomeMail(platform, { userId, mailId: id, signal }),
    ),
    handle(ReuseMail, ({ userId }, { id, signal }) =>
      sendReuseMail(platform, { userId, mailId: id, signal }),
    ),
    handle(BurySessions, async ({ userId, sessionIds }) => {
      for (const sessionId of sessionIds) await burySession(platform, { userId, sessionId });
    }),
    handle(OutdateSessions, (outdated) => outdateCopies(platform, outdated)),
  ];
}
