import { integerParameter, object } from "../../../platform/schema.ts";
import { ConversationId } from "./conversations.ts";

/** The path to a message. */
export const MessageParams = object({
  id: ConversationId,
  seq: integerParameter({
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    description: "Position of the message.",
  }),
});
