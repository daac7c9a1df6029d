import type { Platform } from "../../../platform/platform.ts";
import { appendInTurn } from "./append_queue.ts";
import type { Draft, SendInput } from "./drafts.ts";
import {
  insertMessages,
  type NewMessage,
  type SentMessage,
  sentOf,
  type SentRow,
} from "./message_insert.ts";
import { publishSent } from "./message_publish.ts";
import { isRich, sendRich } from "./rich_send.ts";
import { refusalOf } from "./send_refusal.ts";
import { findTurn, slowDown } from "./slow_mode.ts";
import { findTickers } from "./tickers.ts";

/** One message of one sender. @throws AppError as `sendMessages`. */
export async function sendMessage(
  platform: Platform,
  { userId, conversationId, ...draft }: Omit<SendInput, "messages"> & Draft,
): Promise<SentMessage> {
  const [sent] = await sendMessages(platform, { userId, conversationId, messages: [draft] });
  if (!sent) throw new Error("Cannot send: the message was neither stored nor found");
  return sent;
}

/**
 * Stores messages with their outbox row, takes their positions, and checks the membership, in one
 * statement: most of what a message costs is its transaction. The same client id twice is one message, for ever.
 * @returns what became of each message, in their order. @throws AppError not_found for who is not a member, forbidden for
 * who may only read, and not_reachable between two of whom one has blocked the other.
 */
export async function sendMessages(platform: Platform, input: SendInput): Promise<SentMessage[]> {
  const [first] = input.messages;
  if (first && input.messages.length === 1 && isRich(first))
    return [await sendRich(platform, { ...input, draft: first })];
  const drafts = draftsOf(input.messages);
  const outboxId = Bun.randomUUIDv7();
  const created = platform.now();
  const rows = await appendInTurn(platform.db, {
    conversationId: input.conversationId,
    userId: input.userId,
    insert: (tx, options) =>
      insertMessages(tx, { ...input, drafts, outboxId, now: created, ...options }),
  });
  if (rows.length < drafts.length)
    rows.push(...(await sendInTurn(platform, { ...input, drafts, rows, outboxId })));
  const sent = sentOf(rows, drafts, input.userId);
  publishSent(platform, { ...input, outboxId, sent: sent.values() });
  // Of several by one who waits, one was stored.
  if (sent.size < drafts.length) throw slowDown(created, created);
  return answersOf(input.messages, sent);
}

/**
 * In slow mode what was not stored is sent by itself, one message for each wait. @returns the row of the message.
 * @throws AppError slow_mode, or why nothing was stored for anybody else.
 */
async function sendInTurn(
  platform: Platform,
  input: SendInput & { drafts: NewMessage[]; rows: SentRow[]; outboxId: string },
): Promise<SentRow[]> {
  const turn = await findTurn(platform, input);
  if (!turn) throw await refusalOf(platform, input);
  const now = platform.now();
  const next = input.drafts.find(
    ({ client_id }) => !input.rows.some((row) => row.client_id === client_id),
  );
  if (!next || turn > now) throw slowDown(turn, now);
  const insert = { ...input, drafts: [next], now, waits: true, takesTurn: true };
  const stored = await platform.db.run(
    { role: "app", userId: input.userId },
    (tx) => insertMessages(tx, insert),
    { single: true },
  );
  if (stored.length === 0) throw slowDown(now, now);
  return stored;
}

/** A client id that stands twice in one call is one message, like one that comes later. */
function draftsOf(messages: Draft[]): NewMessage[] {
  const drafts = new Map<string, NewMessage>();
  for (const { clientId, body } of messages) {
    const client_id = clientId.toLowerCase();
    if (drafts.has(client_id)) continue;
    const tickers = findTickers(body);
    const at = drafts.size + 1;
    const names = tickers.length === 0 ? {} : { tickers };
    drafts.set(client_id, { at, id: Bun.randomUUIDv7(), client_id, body, ...names });
  }
  return [...drafts.values()];
}

function answersOf(messages: Draft[], sent: Map<string, SentMessage>): SentMessage[] {
  const answered = new Set<string>();
  return messages.map(({ clientId }) => {
    const id = clientId.toLowerCase();
    const found = sent.get(id);
    if (!found) throw new Error("Cannot send: a message was neither stored nor found");
    const isRepeated = answered.has(id);
    answered.add(id);
    return isRepeated ? { ...found, duplicate: true } : found;
  });
}
