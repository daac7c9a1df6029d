import type { Transaction } from "../../../platform/database.ts";
import { AppError, ValidationFailed } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { Permission, WAITS } from "../schema/permissions.ts";
import { threadStates } from "../tables/marks.ts";
import type { Draft, SendInput } from "./drafts.ts";
import { findMessage, holdConversation } from "./hold.ts";
import { admitMentions, findMentions, replaceMentions } from "./mentions.ts";
import {
  insertMessages,
  type NewMessage,
  type SentMessage,
  sentOf,
  type SentRow,
} from "./message_insert.ts";
import { publishSent } from "./message_publish.ts";
import { refusalOf } from "./send_refusal.ts";
import { findTurn, slowDown } from "./slow_mode.ts";
import { forbidden } from "./standing.ts";
import { findTickers } from "./tickers.ts";

type RichInput = Omit<SendInput, "messages"> & { draft: Draft };

/** True for a message that leads to another, names somebody or carries a file: more is asked of it than of plain text. */
export function isRich({ body, replySeq, threadSeq, attachments }: Draft): boolean {
  return (
    replySeq !== undefined ||
    threadSeq !== undefined ||
    (attachments?.length ?? 0) > 0 ||
    body.includes("<@")
  );
}

/**
 * Stores one message together with whom it names and who follows its thread. @throws AppError as `sendMessages`, and
 * validation_failed where it leads to nothing.
 */
export async function sendRich(platform: Platform, input: RichInput): Promise<SentMessage> {
  const { userId, draft } = input;
  const outboxId = Bun.randomUUIDv7();
  const now = platform.now();
  const { rows, made } = await platform.db.run({ role: "app", userId }, (tx) =>
    insertRich(tx, { ...input, outboxId, now }),
  );
  const sent = sentOf(rows, [made], userId).get(draft.clientId.toLowerCase());
  if (!sent) {
    const turn = await findTurn(platform, input);
    throw turn ? slowDown(turn, now) : await refusalOf(platform, input);
  }
  publishSent(platform, { ...input, outboxId, sent: [sent] });
  return sent;
}

async function insertRich(
  tx: Transaction,
  input: RichInput & { outboxId: string; now: Date },
): Promise<{ rows: SentRow[]; made: NewMessage }> {
  const permissions = await holdConversation(tx, input);
  const made = await makeMessage(tx, { ...input, permissions });
  const takesTurn = (permissions & WAITS) !== 0;
  const rows = await insertMessages(tx, { ...input, drafts: [made], waits: true, takesTurn });
  const [row] = rows;
  if (!row || row.prior) return { rows, made };
  const { userId, conversationId } = input;
  const userIds = made.mentions ?? [];
  if (userIds.length > 0)
    await replaceMentions(tx, { conversationId, seq: Number(row.seq), userIds });
  if (made.thread_seq !== undefined)
    await follow(tx, { conversationId, threadSeq: made.thread_seq, userId });
  return { rows, made };
}

async function makeMessage(
  tx: Transaction,
  { conversationId, draft, permissions, now }: RichInput & { permissions: number; now: Date },
): Promise<NewMessage> {
  const { clientId, body, replySeq, threadSeq, attachments = [] } = draft;
  await assertLeadsSomewhere(tx, { conversationId, replySeq, threadSeq });
  if (attachments.length > 0 && (permissions & Permission.attach) === 0) throw forbidden("attach");
  const named = await admitMentions(tx, findMentions(body), { conversationId, permissions, now });
  const tickers = findTickers(body);
  return {
    at: 1,
    id: Bun.randomUUIDv7(),
    client_id: clientId.toLowerCase(),
    body,
    ...(replySeq === undefined ? {} : { reply_seq: replySeq }),
    ...(threadSeq === undefined ? {} : { thread_seq: threadSeq }),
    ...(named.userIds.length === 0 ? {} : { mentions: named.userIds }),
    ...(named.all ? { mentions_all: true } : {}),
    ...(tickers.length === 0 ? {} : { tickers }),
    ...(attachments.length === 0 ? {} : { attachments: attachments.map((id) => ({ id })) }),
  };
}

/** @throws AppError validation_failed for a message that is not there, and for a thread within a thread. */
async function assertLeadsSomewhere(
  tx: Transaction,
  place: { conversationId: string; replySeq: number | undefined; threadSeq: number | undefined },
): Promise<void> {
  const { conversationId, replySeq, threadSeq } = place;
  const find = (seq: number) =>
    findMessage(tx, { conversationId, seq }).catch((error: unknown) => {
      if (error instanceof AppError) return undefined;
      throw error;
    });
  if (replySeq !== undefined && !(await find(replySeq))) throw leadsNowhere("/replySeq");
  if (threadSeq === undefined) return;
  const root = await find(threadSeq);
  if (!root || root.threadSeq !== null) throw leadsNowhere("/threadSeq");
}

function leadsNowhere(pointer: string): AppError {
  const message = { en: "leads to no such message", vi: "không trỏ tới tin nhắn nào" };
  return new AppError(ValidationFailed, `Cannot send: "${pointer}" leads nowhere`, {
    errors: [{ pointer, code: "unknown", message }],
  });
}

/** Who answers in a thread follows it, and so does whoever began it; who has left it before stays out. */
async function follow(
  tx: Transaction,
  {
    conversationId,
    threadSeq,
    userId,
  }: { conversationId: string; threadSeq: number; userId: string },
): Promise<void> {
  const root = await findMessage(tx, { conversationId, seq: threadSeq });
  for (const follower of new Set([userId, root.senderId]))
    await tx
      .insert(threadStates)
      .values({ conversationId, threadSeq, userId: follower })
      .onConflictDoNothing();
}
