import { t } from "elysia";

import { defineError } from "../../platform/errors.ts";
import { Id, line, object, page, text, Time } from "../../platform/schema.ts";

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
  object({ kind: t.Literal("direct"), userId: Id }),
  object({
    kind: t.Literal("group"),
    name: line(80),
    memberIds: t.Array(Id, { maxItems: MAX_FIRST_MEMBERS, uniqueItems: true }),
  }),
]);

export const Conversation = object({
  id: Id,
  kind: t.Union([t.Literal("direct"), t.Literal("group")]),
  name: t.Union([t.String(), t.Null()]),
  createdBy: Id,
  /** Position of the last event. */
  lastSeq: t.Number(),
  lastEventAt: Time,
  createdAt: Time,
});
export type Conversation = typeof Conversation.static;
export const ConversationPage = page(Conversation);

export const NewMessage = object({ clientId: Id, body: text(MAX_BODY) });

export const Message = object({
  id: Id,
  seq: t.Number(),
  clientId: Id,
  senderId: Id,
  body: t.String(),
  createdAt: Time,
});
export type Message = typeof Message.static;
export const MessagePage = page(Message);

export const ConversationParams = object({ id: Id });
export const MemberParams = object({ id: Id, userId: Id });

const Channel = t.String({ pattern: "^c:[0-9a-fA-F-]{36}$" });
const RequestNumber = t.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Position = t.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

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
    lim: t.Optional(t.Integer({ minimum: 1, maximum: 500 })),
  }),
};
