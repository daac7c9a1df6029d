import { sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { NoReceipts } from "../schema/conversations.ts";
import { MAX_RECEIPT_MEMBERS } from "../schema/states.ts";
import { readStanding } from "./standing.ts";

interface Reader {
  userId: string;
  seq: number;
}

/** How far each member has read, as they let others know. @throws AppError no_receipts where that is nobody's business. */
export async function listReads(
  platform: Platform,
  { userId, conversationId }: { userId: string; conversationId: string },
): Promise<{ items: Reader[] }> {
  return await platform.db.run({ role: "app", userId }, async (tx) => {
    const { kind, memberCount } = await readStanding(tx, conversationId);
    if (kind === "channel" || memberCount > MAX_RECEIPT_MEMBERS) throw noReceipts(conversationId);
    return { items: await selectReads(tx, conversationId) };
  });
}

/** Who has read a message, or how many where they are many. @throws AppError no_receipts in channels, not_found. */
export async function listReaders(
  platform: Platform,
  { userId, conversationId, seq }: { userId: string; conversationId: string; seq: number },
): Promise<{ items?: string[]; count: number }> {
  return await platform.db.run({ role: "app", userId }, async (tx) => {
    const { kind, memberCount } = await readStanding(tx, conversationId);
    if (kind === "channel") throw noReceipts(conversationId);
    const [message] = await tx.execute<{ sender_id: string }>(sql`
      select sender_id from app.messages
      where conversation_id = ${conversationId}::uuid and seq = ${seq}::bigint`);
    if (!message) throw new AppError(NotFound, `Cannot see message ${seq} of "${conversationId}"`);
    const { sender_id: senderId } = message;
    if (memberCount > MAX_RECEIPT_MEMBERS) {
      const [row] = await tx.execute<{ readers: number }>(
        sql`select app.count_readers(${conversationId}::uuid, ${seq}::bigint, ${senderId}::uuid) as readers`,
      );
      return { count: row?.readers ?? 0 };
    }
    const items = (await selectReads(tx, conversationId))
      .filter((reader) => reader.seq >= seq && reader.userId !== senderId)
      .map((reader) => reader.userId);
    return { items, count: items.length };
  });
}

async function selectReads(tx: Transaction, conversationId: string): Promise<Reader[]> {
  const rows = await tx.execute<{ user_id: string; seq: string }>(
    sql`select user_id, seq from app.public_reads(${conversationId}::uuid) order by user_id`,
  );
  return rows.map((row) => ({ userId: row.user_id, seq: Number(row.seq) }));
}

function noReceipts(conversationId: string): AppError {
  return new AppError(NoReceipts, `Cannot tell who has read "${conversationId}"`);
}
