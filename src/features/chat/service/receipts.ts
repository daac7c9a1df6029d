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

interface Page<T> {
  items: T[];
  page: { nextCursor: string | null; limit: number };
}

interface ListInput {
  userId: string;
  conversationId: string;
  limit: number;
  cursor?: string;
}

/** How far each member has read, as they let others know. @throws AppError no_receipts where that is nobody's business. */
export async function listReads(platform: Platform, input: ListInput): Promise<Page<Reader>> {
  const { userId, conversationId } = input;
  const reads = await platform.db.run({ role: "app", userId }, async (tx) => {
    const { kind, memberCount } = await readStanding(tx, conversationId);
    if (kind === "channel" || memberCount > MAX_RECEIPT_MEMBERS) throw noReceipts(conversationId);
    return await selectReads(tx, conversationId);
  });
  return pageOf(platform, `reads ${conversationId}`, { ...input, all: reads });
}

/** Who has read a message, or how many where they are many. @throws AppError no_receipts in channels, not_found. */
export async function listReaders(
  platform: Platform,
  input: ListInput & { seq: number },
): Promise<Page<string> & { count: number }> {
  const { userId, conversationId, seq } = input;
  const { readers, count } = await platform.db.run({ role: "app", userId }, async (tx) => {
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
      return { readers: [], count: row?.readers ?? 0 };
    }
    const found = (await selectReads(tx, conversationId, seq)).filter(
      (reader) => reader.seq >= seq && reader.userId !== senderId,
    );
    return { readers: found, count: found.length };
  });
  const scope = `readers ${conversationId} ${seq}`;
  const { items, page } = pageOf(platform, scope, { ...input, all: readers });
  return { items: items.map((reader) => reader.userId), page, count };
}

/** In the order of their ids; of those alone who may see the message, where one is given. */
async function selectReads(
  tx: Transaction,
  conversationId: string,
  messageSeq = Number.MAX_SAFE_INTEGER,
): Promise<Reader[]> {
  const rows = await tx.execute<{ user_id: string; seq: string }>(sql`
    select r.user_id, r.seq from app.public_reads(${conversationId}::uuid) r
    join app.conversation_members m
      on m.conversation_id = ${conversationId}::uuid and m.user_id = r.user_id
    where m.visible_from <= ${messageSeq}::bigint order by r.user_id`);
  return rows.map((row) => ({ userId: row.user_id, seq: Number(row.seq) }));
}

/** They are few enough to be read at once. */
function pageOf(
  platform: Platform,
  list: string,
  { all, userId, limit, cursor }: ListInput & { all: Reader[] },
): Page<Reader> {
  const scope = `${list} ${userId}`;
  const [behind] = cursor === undefined ? [""] : platform.cursors.decode(scope, cursor);
  const rest = all.filter((reader) => reader.userId > String(behind));
  const items = rest.slice(0, limit);
  const last = rest.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.userId]) : null;
  return { items, page: { nextCursor, limit } };
}

function noReceipts(conversationId: string): AppError {
  return new AppError(NoReceipts, `Cannot tell who has read "${conversationId}"`);
}
