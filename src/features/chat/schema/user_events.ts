import { t } from "elysia";

import { defineUserEvent } from "../../../platform/realtime/user_events.ts";
import { count, Id, object } from "../../../platform/schema.ts";
import { Settings } from "./own.ts";

export const ConversationAdded = defineUserEvent("conv.add", {
  meaning: "the user came into a conversation",
  data: object({ conversationId: Id }),
});
export const ConversationRemoved = defineUserEvent("conv.rm", {
  meaning: "the user is in a conversation no more",
  data: object({ conversationId: Id }),
});
export const OwnRead = defineUserEvent("read.self", {
  meaning: "the user has read up to here, or has called what is behind it unread",
  data: object({ conversationId: Id, seq: count("Position up to which the user has read.", 42) }),
});
export const OwnSettings = defineUserEvent("setting", {
  meaning: "how the user wants to hear of a conversation",
  data: t.Composite([object({ conversationId: Id }), Settings], { additionalProperties: false }),
});
