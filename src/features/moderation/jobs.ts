import type { WorkerPlatform } from "../../platform/platform.ts";
import { handle, type JobHandler } from "../../platform/queue/definition.ts";
import type { Recurring } from "../../platform/queue/schedule.ts";
import { SweepReports } from "./schema.ts";
import { sweepReports } from "./service/report_sweep.ts";

const HOUR_MS = 3_600_000;
export const MODERATION_SCHEDULE: Recurring[] = [{ kind: SweepReports, everyMs: HOUR_MS }];

/** moderation.sweep_reports */
export function moderationJobs(platform: WorkerPlatform): JobHandler[] {
  return [handle(SweepReports, (_, { signal }) => sweepReports(platform, signal))];
}
