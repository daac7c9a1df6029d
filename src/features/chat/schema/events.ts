import { t } from "elysia";

import { count, Id, object, Time } from "../../../platform/schema.ts";
import { Message, Ticker } from "./messages.ts";
import { Role } from "./permissions.ts";

const about = {
  messageId: Id,
  messageSeq: count("Position of the message.", 42),
};

const MessageEdited = object({
  ...about,
  actorId: Id,
  body: t.String({
    description: "Empty, like the lists, for those who may not see the message.",
  }),
  rev: count("How often it was changed; what has a lower one is older.", 1),
  editedAt: Time,
  mentions: t.Array(Id),
  mentionsAll: t.Boolean(),
  tickers: t.Array(Ticker),
});
const MessageDeleted = object({
  ...about,
  actorId: Id,
  deletedAt: Time,
  byStaff: t.Optional(
    t.Literal(true, { description: "Staff has taken it out; `actorId` is its author then." }),
  ),
});
const ReactionChanged = object({
  ...about,
  userId: Id,
  emoji: t.String(),
  on: t.Boolean({ description: "Whether the user reacts so from now on." }),
  count: count("How many react so from now on.", 3),
});
const PinChanged = object({ ...about, actorId: Id, on: t.Boolean() });
const MemberChanged = object({
  op: t.Union([t.Literal("add"), t.Literal("remove")]),
  userId: Id,
  role: t.Optional(Role),
});
const RoleChanged = object({ userId: Id, role: Role, actorId: Id });
const ConversationChanged = object({
  op: t.Union([t.Literal("create"), t.Literal("update")]),
  kind: t.Union([t.Literal("direct"), t.Literal("group"), t.Literal("channel")]),
  name: t.Union([t.String(), t.Null()]),
  description: t.Optional(t.String()),
  history: t.Optional(t.Union([t.Literal("all"), t.Literal("joined")])),
  memberPermissions: t.Optional(count("What plain members may do, a bit each.", 7)),
  slowModeSeconds: t.Optional(count("Between two messages of one plain member.", 0)),
});

/** What `d` of an `ev` holds, by its kind: everything that happens in a conversation and has a position there. */
export const ChatEvents = {
  "msg.new": { meaning: "a message was sent", data: Message },
  "msg.edit": { meaning: "a message was changed", data: MessageEdited },
  "msg.del": { meaning: "a message was deleted", data: MessageDeleted },
  react: { meaning: "a reaction came or went", data: ReactionChanged },
  pin: { meaning: "a message was pinned or unpinned", data: PinChanged },
  member: { meaning: "somebody came into or left a group", data: MemberChanged },
  role: { meaning: "a member has another role", data: RoleChanged },
  conv: {
    meaning: "the conversation was opened, or its settings changed",
    data: ConversationChanged,
  },
} as const;
export type ChatEventKind = keyof typeof ChatEvents;
export type ChatEventData<Kind extends ChatEventKind> = (typeof ChatEvents)[Kind]["data"]["static"];
