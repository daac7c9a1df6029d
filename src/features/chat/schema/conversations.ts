import { t } from "elysia";

import { defineError } from "../../../platform/errors.ts";
import { count, Id, line, object, page, Time } from "../../../platform/schema.ts";

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
    kind: t.Union([t.Literal("direct"), t.Literal("group"), t.Literal("channel")]),
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

const ConversationId = { ...Id, description: "The conversation." };
export const ConversationParams = object({ id: ConversationId });
export const MemberParams = object({
  id: ConversationId,
  userId: { ...Id, description: "The user who comes or goes." },
});

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
