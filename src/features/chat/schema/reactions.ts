import { t } from "elysia";

import { defineError } from "../../../platform/errors.ts";
import { count, Id, object, page, Time } from "../../../platform/schema.ts";
import { MessageParams } from "./places.ts";

/** Kinds of reactions that one message may have. */
export const MAX_EMOJI = 20;

export const TooManyReactions = defineError("too_many_reactions", 409, {
  en: "The message has as many kinds of reactions as it may have",
  vi: "Tin nhắn đã có đủ số loại cảm xúc tối đa",
});

/** The longest emoji of Unicode are sequences of ten code points. */
export const Emoji = t.String({
  minLength: 1,
  maxLength: 32,
  description: "One emoji.",
  examples: ["👍"],
});

export const ReactionCount = object(
  {
    emoji: t.String({ examples: ["👍"] }),
    count: count("How many react so.", 3),
    mine: t.Boolean({ description: "Whether the caller is one of them." }),
  },
  { title: "ReactionCount" },
);
export type ReactionCount = typeof ReactionCount.static;

const Reaction = object(
  { emoji: t.String({ examples: ["👍"] }), userId: Id, createdAt: Time },
  { title: "Reaction" },
);
export type Reaction = typeof Reaction.static;
export const ReactionPage = page(Reaction, { title: "ReactionPage" });

/** How many react so from now on. */
export const Reacted = object(
  { count: count("How many react so from now on.", 3) },
  { title: "Reacted" },
);

export const ReactionParams = object({ ...MessageParams.properties, emoji: Emoji });

/** What the API's document says about each operation. */
export const reactionOperations = {
  listReactions: {
    operationId: "listReactions",
    summary: "List who reacted",
    description: "The reactions to a message, by emoji.",
  },
  addReaction: {
    operationId: "addReaction",
    summary: "React to a message",
    description: "For members who may react. The same reaction again changes nothing.",
  },
  removeReaction: {
    operationId: "removeReaction",
    summary: "Take a reaction back",
    description: "One's own. Where there is none, nothing happens.",
  },
};
