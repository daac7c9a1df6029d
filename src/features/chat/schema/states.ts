import { t } from "elysia";

import { count, Id, integer, integerParameter, object, page } from "../../../platform/schema.ts";
import { ConversationId } from "./conversations.ts";
import { MAX_UNREAD, own, Settings } from "./own.ts";

/** Larger conversations tell nobody how far somebody has read. */
export const MAX_RECEIPT_MEMBERS = 100;
/** Conversations of which the totals are made, the last active first. */
export const MAX_TOTALLED = 1_000;

export const SettingsPatch = {
  ...object(
    {
      muted: t.Optional(Settings.properties.muted),
      archived: t.Optional(Settings.properties.archived),
      notify: t.Optional(Settings.properties.notify),
    },
    {
      title: "OwnSettingsPatch",
      description: "What is missing stays as it is.",
      examples: [{ archived: true }],
    },
  ),
  // A change of nothing is a mistake.
  minProperties: 1,
};

const Position = integer(0);

export const NewRead = object(
  {
    seq: { ...Position, description: "Position up to which the caller has read.", examples: [42] },
    private: t.Optional(t.Boolean({ description: "Only the caller's own devices are told." })),
  },
  { title: "NewRead" },
);
export const NewUnread = object(
  {
    seq: {
      ...integer(1),
      description: "Position of the first message that is to be unread.",
      examples: [42],
    },
  },
  { title: "NewUnread" },
);
export const ReadState = object(
  {
    seq: own.readSeq,
    publicSeq: count("The same as the others may know it.", 40),
    unread: own.unread,
    mentions: own.mentions,
  },
  { title: "ReadState", description: "What the caller has read of a conversation." },
);
export type ReadState = typeof ReadState.static;

const Read = object({ userId: Id, seq: count("Position up to which they have read.", 42) });
export const Reads = page(Read, { title: "Reads" });
export const Readers = object(
  {
    ...page(Id).properties,
    count: count("How many have read it, its sender not counted.", 3),
  },
  { title: "Readers" },
);

export const UnreadTotals = object(
  {
    conversations: count("Conversations with anything unread.", 3),
    unread: count("Unread messages in them.", 12),
    mentions: count(
      "Unread messages in them that name the caller or everybody, in threads too.",
      1,
    ),
    truncated: t.Boolean({ description: "There are more than was counted." }),
  },
  { title: "UnreadTotals" },
);
export type UnreadTotals = typeof UnreadTotals.static;

/** What the API's document says about each operation. */
export const stateOperations = {
  changeOwnSettings: {
    operationId: "changeOwnConversationSettings",
    summary: "Mute, archive, or say of what to give notice",
    description:
      "For the caller alone, on all their devices. An archived conversation stays out of the list until the caller takes it back.",
  },
  markRead: {
    operationId: "markRead",
    summary: "Say up to where one has read",
    description:
      "Only ever forward, and not beyond the last event. The caller's other devices are told, and the others too where they are few, unless it is private.",
  },
  markUnread: {
    operationId: "markUnread",
    summary: "Call a message and all behind it unread",
    description:
      "What the others know stays as it is. Nothing from before the caller came is unread.",
  },
  listReads: {
    operationId: "listReads",
    summary: "See how far each member has read",
    description: `As they let others know; two people, and groups of at most ${MAX_RECEIPT_MEMBERS}.`,
  },
  listReaders: {
    operationId: "listReaders",
    summary: "See who has read a message",
    description: `Of those who may see it. In groups of more than ${MAX_RECEIPT_MEMBERS} only how many; in channels nothing.`,
  },
  totalUnread: {
    operationId: "totalUnread",
    summary: "Count what is unread",
    description: `In all conversations of the caller that are neither archived nor muted, of which ${MAX_TOTALLED} are looked at, and in each up to ${MAX_UNREAD} messages.`,
  },
};

export const ReadersParams = object({
  id: ConversationId,
  seq: integerParameter({
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    description: "Position of the message.",
  }),
});
