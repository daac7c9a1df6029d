import { chatEvents } from "./features/chat/events.ts";
import type { Platform } from "./platform/platform.ts";
import type { FrameHandlers } from "./platform/realtime/dispatch.ts";

/** All features' frames, by their type. */
export function createFrameHandlers(platform: Platform): FrameHandlers {
  return { ...chatEvents(platform) };
}
