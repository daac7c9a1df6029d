import type { TSchema } from "@sinclair/typebox/type";

import { chatEvents } from "./features/chat/events.ts";
import { ChatReplies, createChatSource } from "./features/chat/mod.ts";
import { presenceEvents } from "./features/presence/events.ts";
import { REALTIME_TOPICS } from "./features/realtime/events.ts";
import { createUserStreamSource } from "./features/realtime/mod.ts";
import type { Platform } from "./platform/platform.ts";
import type { FrameHandlers } from "./platform/realtime/dispatch.ts";
import { EPHEMERAL_FRAMES, EPHEMERAL_REPLIES } from "./platform/realtime/ephemeral.ts";
import { CLIENT_FRAMES } from "./platform/realtime/frames.ts";
import type { SocketPart } from "./platform/realtime/part.ts";
import { SERVER_FRAMES } from "./platform/realtime/protocol.ts";
import type { ChannelSource } from "./platform/realtime/source.ts";
import { joinSources } from "./platform/realtime/sources.ts";
import { TOPIC_FRAMES, TOPIC_REPLIES } from "./platform/realtime/topic_frames.ts";
import type { TopicKinds } from "./platform/realtime/topics.ts";

/** All features' frames, by their type. */
export function createFrameHandlers(platform: Platform): FrameHandlers {
  return { ...chatEvents(platform) };
}

/** What features keep for each socket, with the frames that go with it. */
export function createSocketParts(platform: Platform): SocketPart[] {
  return [presenceEvents(platform)];
}

/** Every frame that a client may send, by its type. */
export function listClientFrames(): Record<string, TSchema> {
  // A handler's schema needs no platform: only what it does later does.
  const platform = {} as Platform;
  const parts = createSocketParts(platform).map((part) => part.handlers ?? {});
  const handlers = [createFrameHandlers(platform), ...parts].flatMap((list) =>
    Object.entries(list),
  );
  const own = Object.fromEntries(handlers.map(([type, { schema }]) => [type, schema]));
  return { ...CLIENT_FRAMES, ...TOPIC_FRAMES, ...EPHEMERAL_FRAMES, ...own };
}

/** Every frame that the server sends, by its type. */
export function listServerFrames(): Record<string, TSchema> {
  return { ...SERVER_FRAMES, ...TOPIC_REPLIES, ...EPHEMERAL_REPLIES, ...ChatReplies };
}

/** All features' channels with positions, by their prefix. */
export function createChannelSource(platform: Pick<Platform, "db">): ChannelSource {
  return joinSources({ c: createChatSource(platform), u: createUserStreamSource(platform) });
}

/** All features' topics, by their prefix. */
export const TOPIC_KINDS: TopicKinds = { ...REALTIME_TOPICS };
