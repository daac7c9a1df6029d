import type { WorkerPlatform } from "../../platform/platform.ts";
import { handle, type JobHandler } from "../../platform/queue/definition.ts";
import type { Recurring } from "../../platform/queue/schedule.ts";
import { SweepUserEvents } from "./schema.ts";
import { sweepUserEvents } from "./service/stream_sweep.ts";

const HOUR_MS = 3_600_000;
export const REALTIME_SCHEDULE: Recurring[] = [{ kind: SweepUserEvents, everyMs: HOUR_MS }];

/** realtime.sweep_user_events */
export function realtimeJobs(platform: WorkerPlatform): JobHandler[] {
  return [handle(SweepUserEvents, (_, { signal }) => sweepUserEvents(platform, signal))];
}
