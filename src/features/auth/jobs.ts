import type { WorkerPlatform } from "../../platform/platform.ts";
import { handle, type JobHandler } from "../../platform/queue/definition.ts";
import { WelcomeMail } from "./schema.ts";
import { sendWelcomeMail } from "./service/welcome.ts";

/** auth.welcome_mail */
export function authJobs(platform: WorkerPlatform): JobHandler[] {
  return [
    handle(WelcomeMail, ({ userId }, { id, signal }) =>
      sendWelcomeMail(platform, { userId, mailId: id, signal }),
    ),
  ];
}
