import { sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { eventPublication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { Message } from "../schema/messages.ts";
import { appendInTurn, type InsertOptions } from "./append_queue.ts";
import { channelOf, messageEvent } from "./frames.ts";
import { refusalOf } from "./send_refusal.ts";
import { claimTurn, findTurn, SENDS_FREELY, slowDown } from "./slow_mode.ts";

export interface SentMessage {
  message: Message;
  /** Counts messages alone, for unread counts. */
  no: number;
  /** True when this client id was seen before: nothing was stored, and the message is the one from then. */
  duplicate: boolean;
}

interface Draft {
  clientId: string;
  body: string;
}

interface SendInput {
  userId: string;
  conversationId: string;
  /** In the order in which they were sent. */
  messages: Draft[];
}

/** A draft with the ids that it gets if it is new. */
interface NewMessage {
  at: number;
  id: string;
  client_id: string;
  body: string;
}

interface SentRow extends Record<string, unknown> {
  id: string;
  client_id: string;
  seq: string;
  no: string;
  body: string;
  created_at: string;
  duplicate: boolean;
}

interface Insertion {
  drafts: NewMessage[];
  outboxId: string;
  now: Date;
  /** Whether it is by one who waits between two messages. */
  takesTurn?: boolean;
}

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
  const sent = new Map(rows.map((row) => [row.client_id, toSent(row, input.userId)]));
  publish(platform, { ...input, outboxId, sent });
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
    drafts.set(client_id, { at: drafts.size + 1, id: Bun.randomUUIDv7(), client_id, body });
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

function publish(
  platform: Platform,
  {
    conversationId,
    outboxId,
    sent,
  }: SendInput & { outboxId: string; sent: Map<string, SentMessage> },
): void {
  const channel = channelOf(conversationId);
  const stored = [...sent.values()].filter(({ duplicate }) => !duplicate);
  const publications = stored
    .toSorted((one, other) => one.message.seq - other.message.seq)
    .map(({ message }) =>
      eventPublication(outboxId, channel, messageEvent(conversationId, message)),
    );
  if (publications.length > 0) platform.outbox.publish(publications);
}

/**
 * The member's row is locked for sharing before the conversation's: whoever removes the member waits for us, or we see
 * that they are gone. Positions come from the conversation's row, held until the commit, so they have no gaps.
 */
async function insertMessages(
  tx: Transaction,
  input: SendInput & InsertOptions & Insertion,
): Promise<SentRow[]> {
  const { userId, conversationId, drafts, outboxId } = input;
  const now = input.now.toISOString();
  return await tx.execute<SentRow>(sql`
    with member as materialized (
      select conversation_id, permissions from app.conversation_members
      where conversation_id = ${conversationId}::uuid and user_id = ${userId}::uuid and left_seq is null
      for share ${input.waits ? sql`` : sql`skip locked`}
    ), given as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(drafts)}::jsonb)
        as draft (at int, id uuid, client_id uuid, body text)
    ), prior as materialized (
      -- One look into the index for each draft; without the limit the planner may read all that the sender ever wrote.
      select m.client_id, m.id, m.seq, m.no, m.body, m.created_at from given g cross join lateral (
        select * from app.messages m where m.conversation_id = ${conversationId}::uuid
          and m.sender_id = ${userId}::uuid and m.client_id = g.client_id limit 1
      ) m
    ), fresh as materialized (
      select g.*, row_number() over (order by g.at) as place from given g
      where not exists (select 1 from prior p where p.client_id = g.client_id)
    ), ${input.takesTurn ? sql`claimed as (${claimTurn({ ...input, now })}), ` : sql``} bumped as (
      update app.conversations c
      set last_seq = c.last_seq + f.total, last_no = c.last_no + f.total, last_event_at = ${now}::timestamptz
      from (select count(*) as total from fresh) f
      where c.id = (select conversation_id from ${input.takesTurn ? sql`claimed` : sql`member where ${SENDS_FREELY}`}) and f.total > 0
      returning c.id, c.last_seq - f.total as seq, c.last_no - f.total as no, f.total
    ), stored as (
      insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at)
      select f.id, b.id, b.no + f.place, b.seq + f.place, ${userId}::uuid, f.client_id, f.body, ${now}::timestamptz
      from fresh f cross join bumped b returning id, client_id, seq, no, body, created_at
    ), queued as (
      insert into app.bus_outbox (id, channel, seq, events)
      select ${outboxId}::uuid, 'c:' || b.id, b.seq + 1, b.total from bumped b
    )
    select id, client_id, seq, no, body, created_at, false as duplicate from stored
    union all
    select p.id, p.client_id, p.seq, p.no, p.body, p.created_at, true from prior p
    where exists (select 1 from member)`);
}

function toSent(row: SentRow, senderId: string): SentMessage {
  const message: Message = {
    id: row.id,
    seq: Number(row.seq),
    clientId: row.client_id,
    senderId,
    body: row.body,
    createdAt: new Date(row.created_at).toISOString(),
  };
  return { message, no: Number(row.no), duplicate: row.duplicate };
}
