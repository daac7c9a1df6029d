import type { WorkerPlatform } from "../../platform/platform.ts";
import { handle, type JobHandler } from "../../platform/queue/definition.ts";
import type { Recurring } from "../../platform/queue/schedule.ts";
import { BurySessions, OutdateSessions, ReuseMail, SweepSessions, WelcomeMail } from "./schema.ts";
import { sendReuseMail } from "./service/reuse_mail.ts";
import { burySession, outdateCopies } from "./service/session_copies.ts";
import { sweepSessions } from "./service/session_sweep.ts";
import { sendWelcomeMail } from "./service/welcome.ts";

const HOUR_MS = 3_600_000;
export const AUTH_SCHEDULE: Recurring[] = [{ kind: SweepSessions, everyMs: HOUR_MS }];

/** auth.welcome_mail · auth.reuse_mail · auth.bury_sessions · auth.outdate_sessions · auth.sweep_sessions */
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
    handle(SweepSessions, (_, { signal }) => sweepSessions(platform, signal)),
  ];
}
