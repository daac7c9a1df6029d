import { and, desc, eq, lt, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { uniqueViolation } from "../../../platform/database_errors.ts";
import { AppError, NotFound } from "../../../platform/errors.ts";
import { eventPublication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { Message } from "../schema.ts";
import { messages } from "../tables.ts";
import { channelOf, messageEvent } from "./frames.ts";

export interface SentMessage {
  message: Message;
  /** Counts messages alone, for unread counts. */
  no: number;
  /** True when this client id was seen before: nothing was stored, and the message is the one from then. */
  duplicate: boolean;
}

interface SendInput {
  userId: string;
  conversationId: string;
  clientId: string;
  body: string;
}

interface SentRow extends Record<string, unknown> {
  id: string;
  seq: string;
  no: string;
  body: string;
  created_at: string;
  duplicate: boolean;
}

/**
 * Stores a message, its event and its outbox row, takes its position, and checks the membership, in one statement.
 * The same client id twice is one message, for ever. @throws AppError not_found for who is not a member.
 */
export async function sendMessage(platform: Platform, input: SendInput): Promise<SentMessage> {
  const actor = { role: "app", userId: input.userId } as const;
  const outboxId = Bun.randomUUIDv7();
  const attempt = () =>
    platform.db.run(actor, (tx) => insertMessage(tx, { ...input, outboxId, now: platform.now() }));
  // Two simultaneous sends of one client id: the later one finds the earlier one when it looks again.
  const row = await attempt().catch((error: unknown) => {
    if (uniqueViolation(error) === "messages_client_id") return attempt();
    throw error;
  });
  if (!row) throw new AppError(NotFound, `Cannot send to conversation "${input.conversationId}"`);
  const message: Message = {
    id: row.id,
    seq: Number(row.seq),
    clientId: input.clientId.toLowerCase(),
    senderId: input.userId,
    body: row.body,
    createdAt: new Date(row.created_at).toISOString(),
  };
  if (!row.duplicate) {
    const event = messageEvent(input.conversationId, message);
    platform.outbox.publish([eventPublication(outboxId, channelOf(input.conversationId), event)]);
  }
  return { message, no: Number(row.no), duplicate: row.duplicate };
}

/**
 * The member's row is locked for sharing before the conversation's: whoever removes the member waits for us, or we see
 * that they are gone. The position comes from the conversation's row, held until the commit, so it has no gaps.
 */
async function insertMessage(
  tx: Transaction,
  input: SendInput & { outboxId: string; now: Date },
): Promise<SentRow | undefined> {
  const { userId, conversationId, clientId, body, outboxId } = input;
  const id = Bun.randomUUIDv7();
  const now = input.now.toISOString();
  const rows = await tx.execute<SentRow>(sql`
    with member as materialized (
      select conversation_id from app.conversation_members
      where conversation_id = ${conversationId}::uuid and user_id = ${userId}::uuid and left_seq is null
      for share
    ), prior as materialized (
      select m.id, m.seq, m.no, m.body, m.created_at from app.messages m
      where m.conversation_id = ${conversationId}::uuid and m.sender_id = ${userId}::uuid
        and m.client_id = ${clientId}::uuid
    ), bumped as (
      update app.conversations c
      set last_seq = c.last_seq + 1, last_no = c.last_no + 1, last_event_at = ${now}::timestamptz
      where c.id = (select conversation_id from member) and not exists (select 1 from prior)
      returning c.id, c.last_seq, c.last_no
    ), stored as (
      insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at)
      select ${id}::uuid, b.id, b.last_no, b.last_seq, ${userId}::uuid, ${clientId}::uuid, ${body}, ${now}::timestamptz
      from bumped b returning id, seq, no, body, created_at
    ), event as (
      insert into app.conversation_events (conversation_id, seq, kind, actor_id, message_id, created_at)
      select b.id, b.last_seq, 'msg.new', ${userId}::uuid, ${id}::uuid, ${now}::timestamptz from bumped b
    ), queued as (
      insert into app.bus_outbox (id, channel, seq)
      select ${outboxId}::uuid, 'c:' || b.id, b.last_seq from bumped b
    )
    select id, seq, no, body, created_at, false as duplicate from stored
    union all
    select p.id, p.seq, p.no, p.body, p.created_at, true from prior p where exists (select 1 from member)`);
  return rows[0];
}

/** Messages newest first, those before the cursor. @throws AppError not_found for who is not a member. */
export async function listMessages(
  platform: Platform,
  input: { userId: string; conversationId: string; limit: number; cursor?: string },
): Promise<{ items: Message[]; page: { nextCursor: string | null; limit: number } }> {
  const { userId, conversationId, limit } = input;
  const scope = `messages ${conversationId} ${userId}`;
  const before =
    input.cursor === undefined
      ? undefined
      : Number(platform.cursors.decode(scope, input.cursor)[0]);
  const rows = await platform.db.run({ role: "app", userId }, async (tx) => {
    await assertMember(tx, conversationId);
    return await tx
      .select()
      .from(messages)
      .where(
        and(
          eq(messages.conversationId, conversationId),
          before === undefined ? undefined : lt(messages.seq, before),
        ),
      )
      .orderBy(desc(messages.seq))
      .limit(limit + 1);
  });
  const items = rows.slice(0, limit).map(toMessage);
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.seq]) : null;
  return { items, page: { nextCursor, limit } };
}

/** @throws AppError not_found, which is also what a stranger to an existing conversation is told. */
export async function assertMember(tx: Transaction, conversationId: string): Promise<string> {
  const [row] = await tx.execute<{ role: string | null }>(
    sql`select app.conversation_role(${conversationId}::uuid) as role`,
  );
  if (!row?.role) throw new AppError(NotFound, `Cannot see conversation "${conversationId}"`);
  return row.role;
}

function toMessage(row: typeof messages.$inferSelect): Message {
  const { id, seq, clientId, senderId, body, createdAt } = row;
  return { id, seq, clientId, senderId, body, createdAt: createdAt.toISOString() };
}
