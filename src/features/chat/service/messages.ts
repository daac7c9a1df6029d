import { and, asc, desc, eq, gt, lt, type SQL } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { Message } from "../schema/messages.ts";
import { messages } from "../tables/messages.ts";
import type { MessageRow } from "./hold.ts";
import { assertMember } from "./members.ts";
import { toMessage } from "./message_rows.ts";
import { countReactions } from "./reactions.ts";
import { countReplies } from "./threads.ts";

interface Page {
  items: Message[];
  page: { nextCursor: string | null; limit: number };
}

interface ListInput {
  userId: string;
  conversationId: string;
  limit: number;
  cursor?: string;
}

/** Where in the history to read, by a position; at most one of them, and none where a cursor says it. */
interface Anchor {
  before?: number;
  after?: number;
  around?: number;
}

/**
 * Messages, the newest first: those before the cursor or a position, those right after one, or those around one. Only
 * before it there is a cursor for more. @throws AppError not_found for who is not a member.
 */
export async function listMessages(platform: Platform, input: ListInput & Anchor): Promise<Page> {
  const { after, around } = input;
  const { conversationId } = input;
  if (around !== undefined) return await listAround(platform, { ...input, around });
  const ofConversation = eq(messages.conversationId, conversationId);
  if (after === undefined)
    return await listBefore(platform, { ...input, scope: "messages", where: ofConversation });
  const items = await read(platform, input, async (tx) =>
    (await selectAfter(tx, { ...input, after })).toReversed(),
  );
  return { items, page: { nextCursor: null, limit: input.limit } };
}

/** The answers in a thread, the newest first. @throws AppError not_found for who is not a member. */
export async function listThread(
  platform: Platform,
  input: ListInput & { seq: number },
): Promise<Page> {
  const { conversationId, seq } = input;
  const where = and(eq(messages.conversationId, conversationId), eq(messages.threadSeq, seq));
  return await listBefore(platform, { ...input, scope: `thread ${seq}`, where });
}

async function listBefore(
  platform: Platform,
  input: ListInput & { before?: number; scope: string; where: SQL | undefined },
): Promise<Page> {
  const { userId, conversationId, limit, where } = input;
  const scope = `${input.scope} ${conversationId} ${userId}`;
  const before =
    input.cursor === undefined
      ? input.before
      : Number(platform.cursors.decode(scope, input.cursor)[0]);
  const found = await read(platform, input, (tx) =>
    tx
      .select()
      .from(messages)
      .where(and(where, before === undefined ? undefined : lt(messages.seq, before)))
      .orderBy(desc(messages.seq))
      .limit(limit + 1),
  );
  const items = found.slice(0, limit);
  const last = found.length > limit ? items.at(-1) : undefined;
  return {
    items,
    page: { nextCursor: last ? platform.cursors.encode(scope, [last.seq]) : null, limit },
  };
}

/** Half of them before the position, and the rest from it on. */
async function listAround(
  platform: Platform,
  input: ListInput & { around: number },
): Promise<Page> {
  const { conversationId, limit, around } = input;
  const older = Math.floor(limit / 2);
  const items = await read(platform, input, async (tx) => {
    const from = await selectAfter(tx, { conversationId, after: around - 1, limit: limit - older });
    const before = await tx
      .select()
      .from(messages)
      .where(and(eq(messages.conversationId, conversationId), lt(messages.seq, around)))
      .orderBy(desc(messages.seq))
      .limit(older);
    return [...from.toReversed(), ...before];
  });
  return { items, page: { nextCursor: null, limit } };
}

function selectAfter(
  tx: Transaction,
  { conversationId, after, limit }: { conversationId: string; after: number; limit: number },
) {
  return tx
    .select()
    .from(messages)
    .where(and(eq(messages.conversationId, conversationId), gt(messages.seq, after)))
    .orderBy(asc(messages.seq))
    .limit(limit);
}

/** What a member reads, each message with what others have made of it. */
async function read(
  platform: Platform,
  { userId, conversationId }: ListInput,
  select: (tx: Transaction) => PromiseLike<MessageRow[]>,
): Promise<Message[]> {
  return await platform.db.run({ role: "app", userId }, async (tx) => {
    await assertMember(tx, conversationId);
    const rows = await select(tx);
    const seqs = rows.map(({ seq }) => seq);
    const [reactions, threads] = await Promise.all([
      countReactions(tx, { userId, conversationId, seqs }),
      countReplies(tx, { conversationId, seqs }),
    ]);
    return rows.map((row) => {
      const [given, thread] = [reactions.get(row.seq), threads.get(row.seq)];
      return { ...toMessage(row), ...(given && { reactions: given }), ...(thread && { thread }) };
    });
  });
}
