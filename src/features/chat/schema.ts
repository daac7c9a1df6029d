import { t } from "elysia";

import { defineError } from "../../platform/errors.ts";
import { count, Id, integer, line, object, page, text, Time } from "../../platform/schema.ts";

export const NotAGroup = defineError("not_a_group", 409, {
  en: "Only a group has members that come and go",
  vi: "Chỉ nhóm mới có thể thêm hoặc bớt thành viên",
});
export const LastOwner = defineError("last_owner", 409, {
  en: "The owner cannot leave while others are in the group",
  vi: "Chủ nhóm không thể rời khi nhóm còn thành viên",
});
export const GroupFull = defineError("group_full", 409, {
  en: "The group has as many members as it may have",
  vi: "Nhóm đã đủ số thành viên tối đa",
});

const MAX_BODY = 4_000;
export const MAX_MEMBERS = 500;
/** Members that one call may bring in when a group is made. */
const MAX_FIRST_MEMBERS = 100;

export const NewConversation = t.Union([
  object({ kind: t.Literal("direct"), userId: Id }, { title: "NewDirectConversation" }),
  object(
    {
      kind: t.Literal("group"),
      name: line(80, { examples: ["VN30"] }),
      memberIds: t.Array(Id, { maxItems: MAX_FIRST_MEMBERS, uniqueItems: true }),
    },
    { title: "NewGroup", description: "The caller becomes the owner, and needs no mention." },
  ),
]);

export const Conversation = object(
  {
    id: Id,
    kind: t.Union([t.Literal("direct"), t.Literal("group")]),
    name: t.Union([t.String(), t.Null()], { description: "Of a group.", examples: [null] }),
    createdBy: Id,
    lastSeq: count("Position of the last event.", 42),
    lastEventAt: Time,
    createdAt: Time,
  },
  { title: "Conversation", description: "Two people or a group who write to each other." },
);
export type Conversation = typeof Conversation.static;
export const ConversationPage = page(Conversation, { title: "ConversationPage" });

/** Made by the sender, so that a message that is sent again is recognised. */
const ClientId = { ...Id, description: "Any UUID, unique for the sender in a conversation." };

export const NewMessage = object(
  { clientId: ClientId, body: text(MAX_BODY, { examples: ["Good morning"] }) },
  { title: "NewMessage" },
);

export const Message = object(
  {
    id: Id,
    seq: count("Position in the conversation.", 42),
    clientId: ClientId,
    senderId: Id,
    body: t.String({ examples: ["Good morning"] }),
    createdAt: Time,
  },
  { title: "Message", description: "A message as it is stored." },
);
export type Message = typeof Message.static;
export const MessagePage = page(Message, { title: "MessagePage" });

const ConversationId = { ...Id, description: "The conversation." };
export const ConversationParams = object({ id: ConversationId });
export const MemberParams = object({
  id: ConversationId,
  userId: { ...Id, description: "The user who comes or goes." },
});

const Channel = t.String({ pattern: "^c:[0-9a-fA-F-]{36}$" });
const RequestNumber = integer(0);
const Position = integer(0);

/** Frames that a client sends about conversations. */
export const ChatFrames = {
  send: object({
    t: t.Literal("send"),
    i: t.Optional(RequestNumber),
    ch: Channel,
    cid: Id,
    k: t.Optional(t.Literal("text")),
    body: text(MAX_BODY),
  }),
  sync: object({
    t: t.Literal("sync"),
    i: t.Optional(RequestNumber),
    ch: Channel,
    from: Position,
    lim: t.Optional(integer(1, 500)),
  }),
};

const LOCATION = {
  Location: {
    description: "Where the conversation is.",
    required: true,
    schema: { type: "string" as const },
  },
};

/** What the API's document says about each operation. */
export const operations = {
  listConversations: {
    operationId: "listConversations",
    summary: "List my conversations",
    description: "The conversations of the caller, the one with the newest event first.",
  },
  openConversation: {
    operationId: "openConversation",
    summary: "Open a conversation",
    description: "Between two people there is one, so opening it again answers it as it is.",
    responses: {
      200: { description: "It was there already.", headers: LOCATION },
      201: { description: "It is new.", headers: LOCATION },
    },
  },
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
  addMember: {
    operationId: "addMember",
    summary: "Bring a user into a group",
    description: "For the owner and admins of the group. Who is in it already stays in it.",
    responses: { 204: { description: "The user is a member." } },
  },
  removeMember: {
    operationId: "removeMember",
    summary: "Take a user out of a group",
    description: "The owner and admins take anybody out, and everybody may take themselves out.",
    responses: { 204: { description: "The user is no member." } },
  },
};
