import { and, eq, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { tooFast } from "../../../platform/realtime/rate.ts";
import {
  MAX_REPORTS_A_DAY,
  type NewReport,
  OwnMessage,
  type Report,
  SNAPSHOT_AROUND,
  SNAPSHOT_EDITS,
} from "../schema.ts";
import { reports, type SnapshotMessage } from "../tables.ts";

const DAY_MS = 86_400_000;

/**
 * Reports a message as it stands now, with those around it. @throws AppError not_found for what the user may not read or
 * was deleted, own_message, or rate_limited after too many in a day.
 */
export async function reportMessage(
  platform: Platform,
  userId: string,
  input: NewReport,
): Promise<{ report: Report; created: boolean }> {
  const conversationId = input.conversationId.toLowerCase();
  const wanted = { ...input, conversationId };
  return await platform.db.run({ role: "app", userId }, async (tx) => {
    // One after the other, so that the same one is not stored twice, and the day's count holds.
    await tx.execute(
      sql`select pg_advisory_xact_lock(hashtextextended(${`reports ${userId}`}, 0))`,
    );
    const present = await findOpen(tx, userId, wanted);
    if (present) return { report: toReport(present), created: false };
    await assertRoom(tx, platform, userId);
    const snapshot = await takeSnapshot(tx, wanted);
    const message = snapshot.find(({ seq }) => seq === input.seq);
    if (!message || message.deletedAt !== null)
      throw new AppError(
        NotFound,
        `Cannot report a message of "${conversationId}": it is not there`,
      );
    if (message.senderId === userId)
      throw new AppError(OwnMessage, "Cannot report a message: it is one's own");
    const [row] = await tx
      .insert(reports)
      .values({
        id: Bun.randomUUIDv7(),
        reporterId: userId,
        reportedId: message.senderId,
        conversationId,
        messageId: message.id,
        messageSeq: input.seq,
        reason: input.reason,
        note: input.note ?? "",
        snapshot,
        createdAt: platform.now(),
      })
      .returning();
    if (!row) throw new Error("Cannot report a message: nothing was stored");
    return { report: toReport(row), created: true };
  });
}

async function findOpen(
  tx: Transaction,
  userId: string,
  { conversationId, seq }: NewReport,
): Promise<typeof reports.$inferSelect | undefined> {
  const [row] = await tx
    .select()
    .from(reports)
    .where(
      and(
        eq(reports.reporterId, userId),
        eq(reports.conversationId, conversationId),
        eq(reports.messageSeq, seq),
        eq(reports.state, "open"),
      ),
    );
  return row;
}

async function assertRoom(tx: Transaction, platform: Platform, userId: string): Promise<void> {
  const allowed = Math.max(1, Math.round(MAX_REPORTS_A_DAY * platform.config.limitsScale));
  const now = platform.now();
  const since = new Date(now.getTime() - DAY_MS).toISOString();
  const [row] = await tx.execute<{ count: number; oldest: string | null }>(sql`
    select count(*)::int as count, min(created_at) as oldest from app.reports
    where reporter_id = ${userId}::uuid and created_at > ${since}::timestamptz`);
  if (!row || row.count < allowed) return;
  throw tooFast(new Date(row.oldest ?? now).getTime() + DAY_MS - now.getTime());
}

/** What the reporter may read, and nothing else: the policies say what that is. */
async function takeSnapshot(tx: Transaction, input: NewReport): Promise<SnapshotMessage[]> {
  const { conversationId, seq } = input;
  const among = sql`from app.messages where conversation_id = ${conversationId}::uuid`;
  const rows = await tx.execute<{ message: SnapshotMessage }>(sql`
    select jsonb_build_object(
      'id', m.id, 'seq', m.seq, 'senderId', m.sender_id, 'body', m.body, 'createdAt', ${time(sql`m.created_at`)},
      'rev', m.rev, 'editedAt', ${time(sql`m.edited_at`)}, 'deletedAt', ${time(sql`m.deleted_at`)},
      'replySeq', m.reply_seq, 'attachments', coalesce(m.attachments, '[]'::jsonb),
      'edits', (
        select coalesce(jsonb_agg(jsonb_build_object(
          'rev', e.rev, 'body', e.body, 'replacedAt', ${time(sql`e.replaced_at`)}) order by e.rev desc), '[]'::jsonb)
        from (
          select * from app.message_edits where conversation_id = m.conversation_id and message_seq = m.seq
          order by rev desc limit ${SNAPSHOT_EDITS}
        ) e)) as message
    from (
      (select * ${among} and seq <= ${seq} order by seq desc limit ${SNAPSHOT_AROUND + 1})
      union all (select * ${among} and seq > ${seq} order by seq limit ${SNAPSHOT_AROUND})
    ) m order by m.seq`);
  return rows.map(({ message }) => message);
}

/** As everywhere in our answers. */
function time(column: ReturnType<typeof sql>) {
  return sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

function toReport(row: typeof reports.$inferSelect): Report {
  const { id, conversationId, messageSeq, reason, state, createdAt } = row;
  return {
    id,
    conversationId,
    seq: messageSeq,
    reason,
    state,
    createdAt: createdAt.toISOString(),
  };
}
