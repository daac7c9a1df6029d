import { and, desc, eq, lt } from "drizzle-orm";

import { AppError, Forbidden } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import {
  EDIT_WINDOW_MS,
  EditConflict,
  EditWindowClosed,
  MAX_EDITS,
  type Message,
  type MessageVersion,
} from "../schema/messages.ts";
import { Permission } from "../schema/permissions.ts";
import { messageEdits, messages } from "../tables/messages.ts";
import { appendEvent } from "./append.ts";
import {
  findLiving,
  findMessage,
  holdConversation,
  type MessageInput,
  type MessageRow,
} from "./hold.ts";
import { assertMember } from "./members.ts";
import { admitMentions, findMentions, replaceMentions } from "./mentions.ts";
import { editOf, toMessage } from "./message_rows.ts";
import { indexChange } from "./search_index.ts";
import { findTickers } from "./tickers.ts";

interface EditInput extends MessageInput {
  body: string;
  /** The revision that the author has changed. */
  rev: number;
}

/**
 * Lets a message say something else; what it said before is kept. The same change again changes nothing.
 * @throws AppError not_found, message_gone, forbidden for anybody but its author, edit_window_closed, or edit_conflict
 * where it was changed meanwhile.
 */
export async function editMessage(platform: Platform, input: EditInput): Promise<Message> {
  const { userId } = input;
  const now = platform.now();
  const { message, publication } = await platform.db.run({ role: "app", userId }, async (tx) => {
    const permissions = await holdConversation(tx, input);
    const row = await findLiving(tx, input);
    if (row.senderId !== userId || (permissions & Permission.send) === 0)
      throw new AppError(Forbidden, `Cannot change message "${row.id}"`);
    if (isDone(row, input)) return { message: toMessage(row), publication: undefined };
    assertOpen(row, input, now);
    const { conversationId, seq, body } = input;
    const named = await admitMentions(tx, findMentions(body), { conversationId, permissions, now });
    const change = {
      body,
      rev: row.rev + 1,
      editedAt: now,
      mentions: named.userIds,
      // Who was named once with everybody is not named again by a change.
      mentionsAll: row.mentionsAll,
      tickers: findTickers(body),
    };
    const before = { conversationId, messageSeq: seq, rev: row.rev, body: row.body };
    await tx.insert(messageEdits).values({ ...before, replacedAt: now });
    await tx.update(messages).set(change).where(eq(messages.id, row.id));
    await replaceMentions(tx, { conversationId, seq, userIds: named.userIds });
    await indexChange(tx, input);
    const edited = toMessage({ ...row, ...change });
    const about = { messageId: row.id, messageSeq: seq, actorId: userId };
    const event = { conversationId, actorId: userId, messageSeq: seq, kept: about, now };
    const data = { ...about, ...editOf(edited) };
    const appended = await appendEvent(tx, { ...event, kind: "msg.edit", data });
    return { message: edited, publication: appended.publication };
  });
  if (publication) platform.outbox.publish([publication]);
  return message;
}

/** True for a change that was made already, or that changes nothing. */
function isDone(row: MessageRow, { body, rev }: EditInput): boolean {
  return row.body === body && (row.rev === rev || row.rev === rev + 1);
}

function assertOpen(row: MessageRow, { rev }: EditInput, now: Date): void {
  if (row.rev !== rev)
    throw new AppError(EditConflict, `Cannot change message "${row.id}": it is at ${row.rev}`);
  const age = now.getTime() - row.createdAt.getTime();
  if (age > EDIT_WINDOW_MS || row.rev >= MAX_EDITS)
    throw new AppError(EditWindowClosed, `Cannot change message "${row.id}" any more`);
}

/** What a message said before, the newest first. @throws AppError not_found. */
export async function listEdits(
  platform: Platform,
  input: MessageInput & { limit: number; cursor?: string },
): Promise<{ items: MessageVersion[]; page: { nextCursor: string | null; limit: number } }> {
  const { userId, conversationId, seq, limit } = input;
  const scope = `edits ${conversationId} ${seq} ${userId}`;
  const before =
    input.cursor === undefined
      ? MAX_EDITS
      : Number(platform.cursors.decode(scope, input.cursor)[0]);
  const rows = await platform.db.run({ role: "app", userId }, async (tx) => {
    await assertMember(tx, conversationId);
    await findMessage(tx, input);
    return await tx
      .select()
      .from(messageEdits)
      .where(
        and(
          eq(messageEdits.conversationId, conversationId),
          eq(messageEdits.messageSeq, seq),
          lt(messageEdits.rev, before),
        ),
      )
      .orderBy(desc(messageEdits.rev))
      .limit(limit + 1);
  });
  const items = rows.slice(0, limit).map(({ rev, body, replacedAt }) => {
    return { rev, body, replacedAt: replacedAt.toISOString() };
  });
  const last = rows.length > limit ? items.at(-1) : undefined;
  return {
    items,
    page: { nextCursor: last ? platform.cursors.encode(scope, [last.rev]) : null, limit },
  };
}
