import { chatEvents } from "./features/chat/events.ts";
import { createChatSource } from "./features/chat/mod.ts";
import { REALTIME_TOPICS } from "./features/realtime/events.ts";
import { createUserStreamSource } from "./features/realtime/mod.ts";
import type { Platform } from "./platform/platform.ts";
import type { FrameHandlers } from "./platform/realtime/dispatch.ts";
import type { ChannelSource } from "./platform/realtime/source.ts";
import { joinSources } from "./platform/realtime/sources.ts";
import type { TopicKinds } from "./platform/realtime/topics.ts";

/** All features' frames, by their type. */
export function createFrameHandlers(platform: Platform): FrameHandlers {
  return { ...chatEvents(platform) };
}

/** All features' channels with positions, by their prefix. */
export function createChannelSource(platform: Pick<Platform, "db">): ChannelSource {
  return joinSources({ c: createChatSource(platform), u: createUserStreamSource(platform) });
}

/** All features' topics, by their prefix. */
export const TOPIC_KINDS: TopicKinds = { ...REALTIME_TOPICS };
