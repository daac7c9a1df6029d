import { sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";

import type { ErasePolicy, PersonalTable } from "../../../platform/personal_data.ts";
import { conversationBans } from "../tables/bans.ts";
import { conversationEvents, conversationMembers, conversations } from "../tables/conversations.ts";
import {
  messageMentions,
  messageReactions,
  pinnedMessages,
  threadStates,
} from "../tables/marks.ts";
import { messages } from "../tables/messages.ts";
import { conversationStates } from "../tables/states.ts";

/**
 * What was said to others is theirs to read as well, and a conversation with holes misleads them. So it stays under an
 * author without a name, and goes together with the conversation when nobody's account is left of those who were in it.
 */
const SHARED: ErasePolicy = {
  by: "nothing",
  because: "others were told it, and their record of the conversation would be false without it",
  until: "the last account of those who were in the conversation is erased",
};

/** Leads to the rows through the conversations in which the user was. */
function joined(conversationId: PgColumn) {
  return (userId: string) =>
    sql`${conversationId} in (select conversation_id from app.conversation_members where user_id = ${userId})`;
}

/** What a user did for themselves, or beside what was said: nobody's record is false without it. */
const CHAT_HABITS: PersonalTable[] = [
  {
    table: conversationBans,
    owner: conversationBans.userId,
    // Who did it is for the conversation to know.
    alsoNames: [conversationBans.barredBy],
    exported: {
      columns: {
        conversationId: conversationBans.conversationId,
        createdAt: conversationBans.createdAt,
      },
      key: [conversationBans.conversationId],
      reader: "system",
    },
    erased: { by: "deletion" },
  },
  {
    table: conversationStates,
    owner: conversationStates.userId,
    exported: {
      columns: {
        conversationId: conversationStates.conversationId,
        lastReadSeq: conversationStates.lastReadSeq,
        publicReadSeq: conversationStates.publicReadSeq,
        mutedUntil: conversationStates.mutedUntil,
        isArchived: conversationStates.isArchived,
        notify: conversationStates.notify,
        lastSentAt: conversationStates.lastSentAt,
      },
      key: [conversationStates.conversationId],
      reader: "system",
    },
    erased: { by: "deletion" },
  },
  {
    table: threadStates,
    owner: threadStates.userId,
    exported: {
      columns: {
        conversationId: threadStates.conversationId,
        threadSeq: threadStates.threadSeq,
        lastReadSeq: threadStates.lastReadSeq,
        isFollowing: threadStates.isFollowing,
      },
      key: [threadStates.conversationId, threadStates.threadSeq],
      reader: "system",
      through: joined(threadStates.conversationId),
    },
    erased: { by: "deletion" },
  },
  {
    table: messageReactions,
    owner: messageReactions.userId,
    exported: {
      columns: {
        conversationId: messageReactions.conversationId,
        messageSeq: messageReactions.messageSeq,
        emoji: messageReactions.emoji,
        createdAt: messageReactions.createdAt,
      },
      key: [messageReactions.conversationId, messageReactions.messageSeq, messageReactions.emoji],
      reader: "system",
    },
    erased: { by: "deletion" },
  },
  {
    table: messageMentions,
    owner: messageMentions.userId,
    exported: {
      columns: {
        conversationId: messageMentions.conversationId,
        messageSeq: messageMentions.messageSeq,
      },
      key: [messageMentions.conversationId, messageMentions.messageSeq],
      reader: "system",
      through: joined(messageMentions.conversationId),
    },
    erased: { by: "deletion" },
  },
  {
    table: pinnedMessages,
    owner: pinnedMessages.pinnedBy,
    exported: {
      columns: {
        conversationId: pinnedMessages.conversationId,
        messageSeq: pinnedMessages.messageSeq,
        pinnedAt: pinnedMessages.pinnedAt,
      },
      key: [pinnedMessages.conversationId, pinnedMessages.messageSeq],
      reader: "system",
    },
    erased: SHARED,
  },
];

export const CHAT_DATA: PersonalTable[] = [
  ...CHAT_HABITS,
  {
    table: messages,
    owner: messages.senderId,
    alsoNames: [messages.deletedBy],
    exported: {
      columns: {
        id: messages.id,
        conversationId: messages.conversationId,
        seq: messages.seq,
        clientId: messages.clientId,
        body: messages.body,
        createdAt: messages.createdAt,
        editedAt: messages.editedAt,
        deletedAt: messages.deletedAt,
      },
      key: [messages.conversationId, messages.clientId],
      // Also from conversations that the user has left, which their own rights do not reach any more.
      reader: "system",
      through: joined(messages.conversationId),
    },
    erased: SHARED,
  },
  {
    table: conversationEvents,
    owner: conversationEvents.actorId,
    exported: {
      columns: {
        conversationId: conversationEvents.conversationId,
        seq: conversationEvents.seq,
        kind: conversationEvents.kind,
        data: conversationEvents.data,
        createdAt: conversationEvents.createdAt,
      },
      key: [conversationEvents.conversationId, conversationEvents.seq],
      reader: "system",
    },
    erased: SHARED,
  },
  {
    table: conversationMembers,
    owner: conversationMembers.userId,
    exported: {
      columns: {
        conversationId: conversationMembers.conversationId,
        role: conversationMembers.role,
        joinedSeq: conversationMembers.joinedSeq,
        leftSeq: conversationMembers.leftSeq,
      },
      key: [conversationMembers.conversationId],
      reader: "system",
    },
    // The user has left by then; the row says from where to where they took part.
    erased: SHARED,
  },
  {
    table: conversations,
    owner: conversations.createdBy,
    exported: {
      columns: {
        id: conversations.id,
        kind: conversations.kind,
        createdAt: conversations.createdAt,
      },
      key: [conversations.id],
      reader: "system",
    },
    erased: SHARED,
  },
];
