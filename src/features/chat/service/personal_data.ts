import { sql } from "drizzle-orm";

import type { ErasePolicy, PersonalTable } from "../../../platform/personal_data.ts";
import { conversationEvents, conversationMembers, conversations, messages } from "../tables.ts";

/**
 * What was said to others is theirs to read as well, and a conversation with holes misleads them. So it stays under an
 * author without a name, and goes together with the conversation when nobody's account is left of those who were in it.
 */
const SHARED: ErasePolicy = {
  by: "nothing",
  because: "others were told it, and their record of the conversation would be false without it",
  until: "the last account of those who were in the conversation is erased",
};

export const CHAT_DATA: PersonalTable[] = [
  {
    table: messages,
    owner: messages.senderId,
    exported: {
      columns: {
        id: messages.id,
        conversationId: messages.conversationId,
        seq: messages.seq,
        clientId: messages.clientId,
        body: messages.body,
        createdAt: messages.createdAt,
      },
      key: [messages.conversationId, messages.clientId],
      // Also from conversations that the user has left, which their own rights do not reach any more.
      reader: "system",
      through: (userId) =>
        sql`${messages.conversationId} in (select conversation_id from app.conversation_members where user_id = ${userId})`,
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
        name: conversations.name,
        createdAt: conversations.createdAt,
      },
      key: [conversations.id],
      reader: "system",
    },
    erased: SHARED,
  },
];
