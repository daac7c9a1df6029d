import { ACCOUNT_SCHEDULE, accountJobs } from "./features/account/jobs.ts";
import { AUTH_SCHEDULE, authJobs } from "./features/auth/jobs.ts";
import { mfaJobs } from "./features/mfa/jobs.ts";
import { MODERATION_SCHEDULE, moderationJobs } from "./features/moderation/jobs.ts";
import { REALTIME_SCHEDULE, realtimeJobs } from "./features/realtime/jobs.ts";
import type { WorkerPlatform } from "./platform/platform.ts";
import type { JobHandler } from "./platform/queue/definition.ts";
import type { Recurring } from "./platform/queue/schedule.ts";

/** All features' recurring work. */
export const SCHEDULE: Recurring[] = [
  ...ACCOUNT_SCHEDULE,
  ...AUTH_SCHEDULE,
  ...REALTIME_SCHEDULE,
  ...MODERATION_SCHEDULE,
];

/** All features' jobs. */
export function createJobHandlers(platform: WorkerPlatform): JobHandler[] {
  return [
    ...authJobs(platform),
    ...accountJobs(platform),
    ...mfaJobs(platform),
    ...realtimeJobs(platform),
    ...moderationJobs(platform),
  ];
}
