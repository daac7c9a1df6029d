import { chatEvents } from "./features/chat/events.ts";
import { REALTIME_TOPICS } from "./features/realtime/events.ts";
import type { Platform } from "./platform/platform.ts";
import type { FrameHandlers } from "./platform/realtime/dispatch.ts";
import type { TopicKinds } from "./platform/realtime/topics.ts";

/** All features' frames, by their type. */
export function createFrameHandlers(platform: Platform): FrameHandlers {
  return { ...chatEvents(platform) };
}

/** All features' topics, by their prefix. */
export const TOPIC_KINDS: TopicKinds = { ...REALTIME_TOPICS };
