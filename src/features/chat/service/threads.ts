import { and, count, eq, inArray, isNull, max, type SQL, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { Platform } from "../../../platform/platform.ts";
import { MAX_UNREAD } from "../schema/own.ts";
import type { Thread, ThreadState, ThreadSummary } from "../schema/threads.ts";
import { threadStates } from "../tables/marks.ts";
import { messages } from "../tables/messages.ts";
import { findMessage, type MessageInput } from "./hold.ts";
import { assertMember } from "./members.ts";
import { readMessageRow, toMessage } from "./message_rows.ts";

/** How many answers stand in the threads of some messages, and where the last one is. */
export async function countReplies(
  tx: Transaction,
  { conversationId, seqs }: { conversationId: string; seqs: number[] },
): Promise<Map<number, ThreadSummary>> {
  if (seqs.length === 0) return new Map();
  const rows = await tx
    .select({ seq: messages.threadSeq, replies: count(), lastSeq: max(messages.seq) })
    .from(messages)
    .where(
      and(
        eq(messages.conversationId, conversationId),
        inArray(messages.threadSeq, seqs),
        isNull(messages.deletedAt),
      ),
    )
    .groupBy(messages.threadSeq);
  return new Map(
    rows.map(({ seq, replies, lastSeq }) => [seq ?? 0, { replies, lastSeq: lastSeq ?? 0 }]),
  );
}

interface ThreadRow extends Record<string, unknown> {
  root: Record<string, unknown>;
  replies: number;
  last_seq: string;
  last_read_seq: string;
  unread: number;
}

/** Those of a user's mentions in a conversation that stand in threads. */
function mentionsInThreads({ userId, conversationId }: Omit<MessageInput, "seq">): SQL {
  return sql`select x.thread_seq from app.message_mentions n
    join app.messages x on x.conversation_id = n.conversation_id and x.seq = n.message_seq
    where n.conversation_id = ${conversationId}::uuid and n.user_id = ${userId}::uuid
      and x.thread_seq is not null`;
}

/** The threads that a member follows, those in which they are named among them, the last active first. @throws AppError not_found for who is no member. */
export async function listThreads(
  platform: Platform,
  input: Omit<MessageInput, "seq"> & { limit: number; cursor?: string },
): Promise<{ items: Thread[]; page: { nextCursor: string | null; limit: number } }> {
  const { userId, conversationId, limit } = input;
  const scope = `threads ${conversationId} ${userId}`;
  const [before] = input.cursor === undefined ? [] : platform.cursors.decode(scope, input.cursor);
  const rows = await platform.db.run({ role: "app", userId }, async (tx) => {
    await assertMember(tx, conversationId);
    return await tx.execute<ThreadRow>(sql`
      with s as (
        select conversation_id, thread_seq, last_read_seq, is_following from app.thread_states
        where conversation_id = ${conversationId}::uuid and user_id = ${userId}::uuid
      ), followed as (
        select conversation_id, thread_seq, last_read_seq from s where is_following
        union all
        select distinct ${conversationId}::uuid, named.thread_seq, 0
        from (${mentionsInThreads(input)}) named
        where not exists (select from s where s.thread_seq = named.thread_seq)
      )
      select to_jsonb(root) as root, a.replies, a.last_seq, s.last_read_seq,
        (select count(*)::int from (select from app.messages x where x.conversation_id = s.conversation_id
          and x.thread_seq = s.thread_seq and x.seq > s.last_read_seq and x.sender_id <> ${userId}::uuid
          and x.deleted_at is null limit ${MAX_UNREAD}) few) as unread
      from followed s
      join app.messages root on root.conversation_id = s.conversation_id and root.seq = s.thread_seq
      cross join lateral (
        select count(*) filter (where x.deleted_at is null)::int as replies, max(x.seq) as last_seq
        from app.messages x where x.conversation_id = s.conversation_id and x.thread_seq = s.thread_seq
      ) a
      where a.last_seq is not null ${before === undefined ? sql`` : sql`and a.last_seq < ${before}::bigint`}
      order by a.last_seq desc limit ${limit + 1}`);
  });
  const items = rows.slice(0, limit).map((row) => ({
    root: toMessage(readMessageRow(row.root)),
    replies: row.replies,
    lastSeq: Number(row.last_seq),
    readSeq: Number(row.last_read_seq),
    unread: row.unread,
  }));
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.lastSeq]) : null;
  return { items, page: { nextCursor, limit } };
}

/**
 * Follows a thread or leaves it alone, and notes how far one has read it; what was read stays read.
 * @throws AppError not_found for who is no member, and where there is no such message.
 */
export async function changeThreadState(
  platform: Platform,
  input: MessageInput & { readSeq?: number; following?: boolean },
): Promise<ThreadState> {
  const { userId, conversationId, seq, readSeq = 0, following } = input;
  const row = await platform.db.run({ role: "app", userId }, async (tx) => {
    await assertMember(tx, conversationId);
    await findMessage(tx, input);
    const most = sql`(select last_seq from app.conversations where id = ${conversationId}::uuid)`;
    const read = sql`least(${readSeq}::bigint, ${most})`;
    const [state] = await tx
      .insert(threadStates)
      .values({
        conversationId,
        threadSeq: seq,
        userId,
        lastReadSeq: read as unknown as number,
        // Whoever is named in it follows it without having said so, and reading it changes nothing about that.
        isFollowing: (following ?? sql`${seq}::bigint in (${mentionsInThreads(input)})`) as boolean,
      })
      .onConflictDoUpdate({
        target: [threadStates.conversationId, threadStates.userId, threadStates.threadSeq],
        set: {
          lastReadSeq: sql`greatest(${threadStates.lastReadSeq}, excluded.last_read_seq)`,
          ...(following === undefined ? {} : { isFollowing: following }),
        },
      })
      .returning();
    return state;
  });
  if (!row) throw new Error(`Cannot find the state of thread ${seq}`);
  return { readSeq: row.lastReadSeq, following: row.isFollowing };
}
