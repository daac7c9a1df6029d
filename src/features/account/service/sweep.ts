import type { Log } from "../../../platform/log.ts";
import type { WorkerPlatform } from "../../../platform/platform.ts";
import { eraseDue } from "./erasure.ts";
import { sweepExports } from "./export_writing.ts";

/** Whatever about accounts has come to its time. */
export async function sweep(
  platform: WorkerPlatform,
  { signal, log }: { signal: AbortSignal; log: Log },
): Promise<void> {
  await sweepExports(platform);
  await eraseDue(platform, { signal, log });
}
