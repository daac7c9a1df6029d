import { t } from "elysia";

import { MAX_BODY_CHARACTERS } from "../../../platform/realtime/limits.ts";
import { count, Id, object, page, text, Time } from "../../../platform/schema.ts";

export const MAX_MENTIONS = 50;
export const MAX_TICKERS = 20;
export const MAX_ATTACHMENTS = 10;

/** Made by the sender, so that a message that is sent again is recognised. */
const ClientId = { ...Id, description: "Any UUID, unique for the sender in a conversation." };

export const NewMessage = object(
  { clientId: ClientId, body: text(MAX_BODY_CHARACTERS, { examples: ["Good morning"] }) },
  { title: "NewMessage" },
);

/** A symbol of a security, without its sign. */
export const Ticker = t.String({ pattern: "^[A-Z][A-Z0-9.]{0,9}$", examples: ["VNM"] });

const Attachment = object({ id: Id }, { title: "Attachment", description: "An uploaded file." });

const ReactionCount = object(
  {
    emoji: t.String({ examples: ["👍"] }),
    count: count("How many have reacted so.", 3),
    mine: t.Boolean({ description: "Whether the caller is one of them." }),
  },
  { title: "ReactionCount" },
);

export const Message = object(
  {
    id: Id,
    seq: count("Position in the conversation.", 42),
    clientId: ClientId,
    senderId: Id,
    body: t.String({
      description: "Empty once the message was deleted.",
      examples: ["Good morning"],
    }),
    createdAt: Time,
    replySeq: t.Optional(count("Position of the message that it answers.", 40)),
    threadSeq: t.Optional(count("Position of the message whose thread it stands in.", 7)),
    rev: t.Optional(count("How often it was changed; missing where it never was.", 1)),
    editedAt: t.Optional(Time),
    deletedAt: t.Optional(Time),
    mentions: t.Optional(t.Array(Id, { description: "Members whom it names." })),
    mentionsAll: t.Optional(t.Literal(true, { description: "It names everybody." })),
    tickers: t.Optional(t.Array(Ticker, { description: "Securities that it names." })),
    attachments: t.Optional(t.Array(Attachment)),
    reactions: t.Optional(
      t.Array(ReactionCount, { description: "In pages of messages; an event carries none." }),
    ),
  },
  { title: "Message", description: "A message as it is stored. What does not apply is missing." },
);
export type Message = typeof Message.static;
export const MessagePage = page(Message, { title: "MessagePage" });

/** What the API's document says about each operation. */
export const messageOperations = {
  listMessages: {
    operationId: "listMessages",
    summary: "List messages",
    description: "The messages of a conversation, newest first.",
  },
  sendMessage: {
    operationId: "sendMessage",
    summary: "Send a message",
    description:
      "Stores the message and sends it to every member's sockets. A `clientId` that was seen before answers what is stored.",
    responses: {
      200: { description: "It was stored before." },
      201: { description: "It is stored." },
    },
  },
};
