import { t } from "elysia";

import { defineError } from "../../../platform/errors.ts";
import {
  count,
  Id,
  integer,
  line,
  object,
  page,
  PageQuery,
  text,
  Time,
} from "../../../platform/schema.ts";
import { own } from "./own.ts";
import { GRANTABLE, Permission } from "./permissions.ts";

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

export const NoReceipts = defineError("no_receipts", 409, {
  en: "A conversation of this kind or size does not tell who has read",
  vi: "Cuộc trò chuyện loại này hoặc đông như vậy không cho biết ai đã đọc",
});
export const SlowMode = defineError("slow_mode", 429, {
  en: "Members wait between two messages here",
  vi: "Thành viên cần đợi giữa hai tin nhắn ở đây",
});

/** How many may be in a conversation of a kind. */
export const MAX_MEMBERS = { direct: 2, group: 500, channel: 100_000 } as const;
/** Members that one call may bring in when a group is made. */
const MAX_FIRST_MEMBERS = 100;
const MAX_NAME = 80;
const MAX_DESCRIPTION = 1_000;
/** Six hours. */
const MAX_SLOW_MODE_SECONDS = 21_600;

const Name = line(MAX_NAME, { examples: ["VN30"] });
const Description = t.String({
  maxLength: MAX_DESCRIPTION,
  description: "What it is about; may be empty.",
  examples: ["The thirty largest of HOSE"],
});
const History = t.Union([t.Literal("all"), t.Literal("joined")], {
  description:
    "What those see who come in from then on: all that was said, or what is said while they are there.",
});
const several = {
  name: Name,
  description: t.Optional(Description),
  memberIds: t.Array(Id, { maxItems: MAX_FIRST_MEMBERS, uniqueItems: true }),
};

export const NewConversation = t.Union([
  object({ kind: t.Literal("direct"), userId: Id }, { title: "NewDirectConversation" }),
  object(
    { kind: t.Literal("group"), ...several },
    { title: "NewGroup", description: "The caller becomes the owner, and needs no mention." },
  ),
  object(
    { kind: t.Literal("channel"), ...several },
    {
      title: "NewChannel",
      description: `Few write and up to ${MAX_MEMBERS.channel} read. The caller becomes the owner; members react alone.`,
    },
  ),
]);

const PERMISSIONS = Object.entries(Permission)
  .map(([name, bit]) => `${name} ${bit}`)
  .join(", ");
/** Bits that plain members may have, and no others. */
const MemberPermissions = {
  ...integer(0, GRANTABLE),
  description: `What plain members may do, the sum of these: ${PERMISSIONS}.`,
  examples: [7],
};

export const Conversation = object(
  {
    id: Id,
    kind: t.Union([t.Literal("direct"), t.Literal("group"), t.Literal("channel")]),
    name: t.Union([t.String(), t.Null()], {
      description: "None for two people.",
      examples: [null],
    }),
    memberCount: count("How many are in it.", 2),
    createdBy: Id,
    lastSeq: count("Position of the last event.", 42),
    lastEventAt: Time,
    createdAt: Time,
    ...own,
  },
  {
    title: "Conversation",
    description: "People who write to each other, and what the caller is there and has read.",
  },
);
export type Conversation = typeof Conversation.static;

export const ConversationDetails = object(
  {
    ...Conversation.properties,
    description: Description,
    history: History,
    memberPermissions: MemberPermissions,
    slowModeSeconds: count("Between two messages of one plain member; 0 for no wait.", 0),
  },
  { title: "ConversationDetails" },
);
export type ConversationDetails = typeof ConversationDetails.static;

const patch = object(
  {
    name: t.Optional(Name),
    description: t.Optional(Description),
    history: t.Optional(History),
    memberPermissions: t.Optional(MemberPermissions),
    slowModeSeconds: t.Optional({
      ...integer(0, MAX_SLOW_MODE_SECONDS),
      description: "Between two messages of one plain member; moderators and above do not wait.",
    }),
  },
  { title: "ConversationPatch", description: "What is missing stays as it is." },
);
/** A change of nothing is a mistake. */
export const ConversationPatch = { ...patch, minProperties: 1 };
export type ConversationPatch = typeof ConversationPatch.static;

export const ConversationsQuery = object({
  ...PageQuery.properties,
  kind: t.Optional({ ...Conversation.properties.kind, description: "Only those of this kind." }),
  q: t.Optional(
    text(80, {
      description:
        "Only those whose name, or whose other person's, has words that begin so; marks and case play no part.",
      examples: ["nhom co phieu"],
    }),
  ),
  archived: t.Optional(
    t.Union([t.Literal("true"), t.Literal("false")], {
      description: "Which ones to list; those that are not archived, where nothing is said.",
    }),
  ),
});
export const ConversationPage = page(Conversation, { title: "ConversationPage" });

export const ConversationId = { ...Id, description: "The conversation." };
export const ConversationParams = object({ id: ConversationId });
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
    description:
      "The conversations of the caller, the one with the newest event first, without the archived ones.",
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
  getConversation: {
    operationId: "getConversation",
    summary: "See a conversation",
    description: "How it is set up, and what the caller is there and has read.",
  },
  changeConversation: {
    operationId: "changeConversation",
    summary: "Change a group or a channel",
    description:
      "For those who may change its settings. Every member is told. Another `memberPermissions` holds for all plain members from then on.",
  },
};
