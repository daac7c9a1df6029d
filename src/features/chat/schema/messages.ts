import { t } from "elysia";

import { defineError } from "../../../platform/errors.ts";
import { MAX_BODY_CHARACTERS } from "../../../platform/realtime/limits.ts";
import {
  count,
  Id,
  integer,
  integerParameter,
  object,
  page,
  PageQuery,
  text,
  Time,
} from "../../../platform/schema.ts";
import { ReactionCount } from "./reactions.ts";
import { ThreadSummary } from "./thread_summary.ts";

/** For how long after it was sent a message may be changed, and how often. */
export const EDIT_WINDOW_MS = 86_400_000;
export const MAX_EDITS = 100;
export const MAX_MENTIONS = 50;
export const MAX_TICKERS = 20;
export const MAX_ATTACHMENTS = 10;

export const MessageGone = defineError("message_gone", 409, {
  en: "The message was deleted",
  vi: "Tin nhắn đã bị xóa",
});
export const EditConflict = defineError("edit_conflict", 409, {
  en: "The message was changed meanwhile; read it again",
  vi: "Tin nhắn vừa được sửa ở nơi khác; hãy đọc lại",
});
export const EditWindowClosed = defineError("edit_window_closed", 409, {
  en: "The message is too old to be changed, or was changed too often",
  vi: "Tin nhắn đã quá cũ hoặc đã sửa quá nhiều lần",
});

/** Made by the sender, so that a message that is sent again is recognised. */
const ClientId = { ...Id, description: "Any UUID, unique for the sender in a conversation." };

const Position = integer(1);

export const NewMessage = object(
  {
    clientId: ClientId,
    body: text(MAX_BODY_CHARACTERS, {
      description:
        "`<@` and the id of a member and `>` names that member, `<@all>` everybody, `$` and a symbol a security.",
      examples: ["Good morning"],
    }),
    replySeq: t.Optional({ ...Position, description: "Position of the message that it answers." }),
    threadSeq: t.Optional({
      ...Position,
      description: "Position of the message whose thread it goes into.",
    }),
    attachments: t.Optional(
      t.Array(Id, { maxItems: MAX_ATTACHMENTS, uniqueItems: true, description: "Uploaded files." }),
    ),
  },
  { title: "NewMessage" },
);

/** A symbol of a security, without its sign. */
export const Ticker = t.String({ pattern: "^[A-Z][A-Z0-9.]{0,9}$", examples: ["VNM"] });

const Attachment = object({ id: Id }, { title: "Attachment", description: "An uploaded file." });

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
    thread: t.Optional({ ...ThreadSummary, description: "In pages of messages: its thread." }),
    reactions: t.Optional(
      t.Array(ReactionCount, { description: "In pages of messages; an event carries none." }),
    ),
  },
  { title: "Message", description: "A message as it is stored. What does not apply is missing." },
);
export type Message = typeof Message.static;

const anchor = { minimum: 1, maximum: Number.MAX_SAFE_INTEGER };
/** Where to read in the history; a cursor goes on before all of them. */
export const HistoryQuery = object({
  ...PageQuery.properties,
  before: t.Optional(integerParameter({ ...anchor, description: "Those before this position." })),
  after: t.Optional(
    integerParameter({ ...anchor, description: "Those right after this position." }),
  ),
  around: t.Optional(
    integerParameter({ ...anchor, description: "Those on both sides of this position." }),
  ),
});
export const MessagePage = page(Message, { title: "MessagePage" });

/** The revision is the one that was changed, so that of two changes at once one is refused. */
export const MessageEdit = object(
  {
    body: text(MAX_BODY_CHARACTERS, { examples: ["Good evening"] }),
    rev: { ...integer(0, MAX_EDITS), description: "`rev` of the message, or 0.", examples: [0] },
  },
  { title: "MessageEdit" },
);

const MessageVersion = object(
  {
    rev: count("How often it had been changed when it said this.", 0),
    body: t.String({ examples: ["Good morning"] }),
    replacedAt: Time,
  },
  { title: "MessageVersion", description: "What a message said before." },
);
export type MessageVersion = typeof MessageVersion.static;
export const MessageVersionPage = page(MessageVersion, { title: "MessageVersionPage" });

/** What the API's document says about each operation. */
export const messageOperations = {
  listMessages: {
    operationId: "listMessages",
    summary: "List messages",
    description:
      "The messages of a conversation, newest first: the last ones, or those before, after or around a position.",
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
  editMessage: {
    operationId: "editMessage",
    summary: "Change a message",
    description:
      "For its author, within a day. What it said before is kept and can be read. The same change again changes nothing.",
  },
  deleteMessage: {
    operationId: "deleteMessage",
    summary: "Delete a message",
    description:
      "For its author, and for members who keep order. Nothing is left of what it said; its place stays.",
    responses: { 204: { description: "The message says nothing any more." } },
  },
  listEdits: {
    operationId: "listEdits",
    summary: "List what a message said before",
    description: "Its earlier versions, the newest first.",
  },
};
