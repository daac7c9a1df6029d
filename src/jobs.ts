import { accountJobs } from "./features/account/jobs.ts";
import { authJobs } from "./features/auth/jobs.ts";
import { mfaJobs } from "./features/mfa/jobs.ts";
import type { WorkerPlatform } from "./platform/platform.ts";
import type { JobHandler } from "./platform/queue/definition.ts";

/** All features' jobs. */
export function createJobHandlers(platform: WorkerPlatform): JobHandler[] {
  return [...authJobs(platform), ...accountJobs(platform), ...mfaJobs(platform)];
}
