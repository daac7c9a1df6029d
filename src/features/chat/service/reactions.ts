import { and, count, countDistinct, eq, inArray, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, ValidationFailed } from "../../../platform/errors.ts";
import type { Publication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import { Permission } from "../schema/permissions.ts";
import {
  MAX_EMOJI,
  type Reaction,
  type ReactionCount,
  TooManyReactions,
} from "../schema/reactions.ts";
import { messageReactions } from "../tables/marks.ts";
import { appendEvent } from "./append.ts";
import { findLiving, findMessage, holdConversation, type MessageInput } from "./hold.ts";
import { assertMember } from "./members.ts";
import { forbidden } from "./standing.ts";

/** One emoji as Unicode recommends it for interchange, skin tones, flags and families included. */
const EMOJI = /^\p{RGI_Emoji}$/v;

interface ReactionInput extends MessageInput {
  emoji: string;
  on: boolean;
}

/**
 * Reacts to a message, or takes that back; again it changes nothing. @returns how many react so from now on.
 * @throws AppError not_found, message_gone, forbidden, too_many_reactions, or validation_failed for what is no emoji.
 */
export async function setReaction(platform: Platform, input: ReactionInput): Promise<number> {
  if (!EMOJI.test(input.emoji)) throw notAnEmoji();
  const { userId } = input;
  const done = await platform.db.run({ role: "app", userId }, async (tx) => {
    const permissions = await holdConversation(tx, input);
    const row = input.on ? await findLiving(tx, input) : await findMessage(tx, input);
    if (input.on && (permissions & Permission.react) === 0) throw forbidden("react");
    const changed = input.on
      ? await add(tx, { ...input, now: platform.now() })
      : await take(tx, input);
    const total = await countOf(tx, input);
    if (!changed) return { total, publication: undefined };
    const publication = await tell(tx, { ...input, messageId: row.id, total, now: platform.now() });
    return { total, publication };
  });
  if (done.publication) platform.outbox.publish([done.publication]);
  return done.total;
}

async function add(tx: Transaction, input: ReactionInput & { now: Date }): Promise<boolean> {
  const { userId, conversationId, seq, emoji, now } = input;
  const row = { conversationId, messageSeq: seq, userId, emoji, createdAt: now };
  const added = await tx
    .insert(messageReactions)
    .values(row)
    .onConflictDoNothing()
    .returning({ emoji: messageReactions.emoji });
  if (added.length === 0) return false;
  const [kinds] = await tx
    .select({ total: countDistinct(messageReactions.emoji) })
    .from(messageReactions)
    .where(atMessage(input));
  if ((kinds?.total ?? 0) > MAX_EMOJI)
    throw new AppError(TooManyReactions, `Cannot react: ${MAX_EMOJI} kinds are there`);
  return true;
}

async function take(tx: Transaction, input: ReactionInput): Promise<boolean> {
  const { userId, emoji } = input;
  const mine = and(
    atMessage(input),
    eq(messageReactions.emoji, emoji),
    eq(messageReactions.userId, userId),
  );
  const taken = await tx
    .delete(messageReactions)
    .where(mine)
    .returning({ emoji: messageReactions.emoji });
  return taken.length > 0;
}

async function countOf(tx: Transaction, input: ReactionInput): Promise<number> {
  const [row] = await tx
    .select({ total: count() })
    .from(messageReactions)
    .where(and(atMessage(input), eq(messageReactions.emoji, input.emoji)));
  return row?.total ?? 0;
}

async function tell(
  tx: Transaction,
  input: ReactionInput & { messageId: string; total: number; now: Date },
): Promise<Publication> {
  const { userId, conversationId, seq, emoji, on, messageId, total, now } = input;
  const data = { messageId, messageSeq: seq, userId, emoji, on, count: total };
  const event = { conversationId, actorId: userId, messageSeq: seq, now };
  return (await appendEvent(tx, { ...event, kind: "react", data })).publication;
}

function atMessage({ conversationId, seq }: Omit<MessageInput, "userId">) {
  return and(
    eq(messageReactions.conversationId, conversationId),
    eq(messageReactions.messageSeq, seq),
  );
}

/** The reactions to each of some messages of a conversation, the first that was given first. */
export async function countReactions(
  tx: Transaction,
  { userId, conversationId, seqs }: { userId: string; conversationId: string; seqs: number[] },
): Promise<Map<number, ReactionCount[]>> {
  const found = new Map<number, ReactionCount[]>();
  if (seqs.length === 0) return found;
  const rows = await tx
    .select({
      seq: messageReactions.messageSeq,
      emoji: messageReactions.emoji,
      count: count(),
      mine: sql<boolean>`bool_or(${messageReactions.userId} = ${userId})`,
    })
    .from(messageReactions)
    .where(
      and(
        eq(messageReactions.conversationId, conversationId),
        inArray(messageReactions.messageSeq, seqs),
      ),
    )
    .groupBy(messageReactions.messageSeq, messageReactions.emoji)
    .orderBy(sql`min(${messageReactions.createdAt})`, messageReactions.emoji);
  for (const { seq, ...reaction } of rows) {
    const list = found.get(seq) ?? [];
    found.set(seq, [...list, reaction]);
  }
  return found;
}

/** Who has reacted to a message, by emoji. @throws AppError not_found. */
export async function listReactions(
  platform: Platform,
  input: MessageInput & { limit: number; cursor?: string },
): Promise<{ items: Reaction[]; page: { nextCursor: string | null; limit: number } }> {
  const { userId, conversationId, seq, limit } = input;
  const scope = `reactions ${conversationId} ${seq} ${userId}`;
  const [emoji, reader] =
    input.cursor === undefined ? [] : platform.cursors.decode(scope, input.cursor);
  const behind =
    emoji === undefined
      ? undefined
      : sql`(${messageReactions.emoji}, ${messageReactions.userId}) > (${emoji}::text, ${reader}::uuid)`;
  const rows = await platform.db.run({ role: "app", userId }, async (tx) => {
    await assertMember(tx, conversationId);
    await findMessage(tx, input);
    return await tx
      .select()
      .from(messageReactions)
      .where(and(atMessage(input), behind))
      .orderBy(messageReactions.emoji, messageReactions.userId)
      .limit(limit + 1);
  });
  const items = rows.slice(0, limit).map((row) => {
    return { emoji: row.emoji, userId: row.userId, createdAt: row.createdAt.toISOString() };
  });
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.emoji, last.userId]) : null;
  return { items, page: { nextCursor, limit } };
}

function notAnEmoji(): AppError {
  const message = { en: "must be one emoji", vi: "phải là một biểu tượng cảm xúc" };
  return new AppError(ValidationFailed, "Cannot react: this is no emoji", {
    errors: [{ pointer: "/emoji", code: "emoji", message }],
  });
}
