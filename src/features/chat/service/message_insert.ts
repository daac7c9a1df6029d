import { type SQL, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { Message } from "../schema/messages.ts";
import type { InsertOptions } from "./append_queue.ts";
import { readMessageRow, toMessage } from "./message_rows.ts";
import { claimTurn, SENDS_FREELY } from "./slow_mode.ts";

export interface SentMessage {
  message: Message;
  /** Counts messages alone, for unread counts. */
  no: number;
  /** True when this client id was seen before: nothing was stored, and the message is the one from then. */
  duplicate: boolean;
}

/** A draft with the ids that it gets if it is new, in the names of the columns; what does not apply is missing. */
export interface NewMessage {
  at: number;
  id: string;
  client_id: string;
  body: string;
  reply_seq?: number;
  thread_seq?: number;
  mentions?: string[];
  mentions_all?: boolean;
  tickers?: string[];
  attachments?: { id: string }[];
}

/** `prior` is the row of a message that was there already. */
export interface SentRow extends Record<string, unknown> {
  id: string;
  client_id: string;
  seq: string;
  no: string;
  created_at: string;
  prior: Record<string, unknown> | null;
}

interface Place {
  userId: string;
  conversationId: string;
}

interface Insertion {
  drafts: NewMessage[];
  outboxId: string;
  now: Date;
  /** Whether it is by one who waits between two messages. */
  takesTurn?: boolean;
}

/**
 * The member's row is locked for sharing before the conversation's: whoever removes the member waits for us, or we see
 * that they are gone. Positions come from the conversation's row, held until the commit, so they have no gaps.
 */
export async function insertMessages(
  tx: Transaction,
  input: Place & InsertOptions & Insertion,
): Promise<SentRow[]> {
  const now = input.now.toISOString();
  const [draft] = input.drafts;
  const isPlain =
    draft && input.drafts.length === 1 && Object.keys(draft).every((name) => PLAIN.has(name));
  const statement =
    isPlain && !input.takesTurn
      ? insertOne({ ...input, draft, now })
      : insertSeveral({ ...input, now });
  return await tx.execute<SentRow>(statement);
}

/** What a message has that leads to nothing and names nobody. */
const PLAIN = new Set(["at", "id", "client_id", "body", "tickers"]);

type Statement = Place & InsertOptions & Omit<Insertion, "now"> & { now: string };

/** One message, as nearly all of them come: what only several need takes a fifth of the statement's time. */
function insertOne(input: Omit<Statement, "drafts"> & { draft: NewMessage }): SQL {
  const { userId, conversationId, draft, outboxId, now } = input;
  const { id, client_id: clientId, body, tickers = [] } = draft;
  // A symbol has no comma in it.
  const symbols =
    tickers.length === 0 ? sql`null` : sql`string_to_array(${tickers.join(",")}, ',')`;
  return sql`
    with ${memberOf(input)}, prior as materialized (
      select m.* from (
        select * from app.messages m where m.sender_id = ${userId}::uuid and m.client_id = ${clientId}::uuid offset 0
      ) m where m.conversation_id = ${conversationId}::uuid
    ), bumped as (
      update app.conversations c
      set last_seq = c.last_seq + 1, last_no = c.last_no + 1, last_event_at = ${now}::timestamptz
      where c.id = (select conversation_id from member where ${SENDS_FREELY}) and not exists (select from prior)
      returning c.id, c.last_seq, c.last_no
    ), stored as (
      insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at, tickers)
      select ${id}::uuid, b.id, b.last_no, b.last_seq, ${userId}::uuid, ${clientId}::uuid, ${body}, ${now}::timestamptz,
        ${symbols}
      from bumped b returning id, client_id, seq, no, created_at
    ), queued as (
      insert into app.bus_outbox (id, channel, seq, events)
      select ${outboxId}::uuid, 'c:' || b.id, b.last_seq, 1 from bumped b
    )
    select id, client_id, seq, no, created_at, null::jsonb as prior from stored
    union all
    select p.id, p.client_id, p.seq, p.no, p.created_at, to_jsonb(p) from prior p
    where exists (select 1 from member)`;
}

function memberOf({ userId, conversationId, waits }: Place & InsertOptions): SQL {
  return sql`member as materialized (
      select conversation_id, permissions from app.conversation_members
      where conversation_id = ${conversationId}::uuid and user_id = ${userId}::uuid and left_seq is null
      for share ${waits ? sql`` : sql`skip locked`}
    )`;
}

function insertSeveral(input: Statement): SQL {
  const { userId, conversationId, drafts, outboxId, now } = input;
  return sql`
    with ${memberOf(input)}, given as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(drafts)}::jsonb)
        as draft (at int, id uuid, client_id uuid, body text, reply_seq bigint, thread_seq bigint,
          mentions uuid[], mentions_all boolean, tickers text[], attachments jsonb)
    ), prior as materialized (
      -- One look into the index for each draft. The conversation is compared outside, since an index by conversations
      -- would do as well while the table is small, and the plan of that time reads all of a conversation later.
      select m.client_id, m.id, m.seq, m.no, m.created_at, to_jsonb(m) as prior from given g cross join lateral (
        select * from app.messages m where m.sender_id = ${userId}::uuid and m.client_id = g.client_id offset 0
      ) m where m.conversation_id = ${conversationId}::uuid
    ), fresh as materialized (
      select g.*, row_number() over (order by g.at) as place,
        count(*) filter (where g.thread_seq is null) over (order by g.at) as counted
      from given g
      where not exists (select 1 from prior p where p.client_id = g.client_id)
    ), ${input.takesTurn ? sql`claimed as (${claimTurn(input)}), ` : sql``} bumped as (
      update app.conversations c
      set last_seq = c.last_seq + f.total, last_no = c.last_no + f.counted, last_event_at = ${now}::timestamptz
      from (select count(*) as total, count(*) filter (where thread_seq is null) as counted from fresh) f
      where c.id = (select conversation_id from ${input.takesTurn ? sql`claimed` : sql`member where ${SENDS_FREELY}`}) and f.total > 0
      returning c.id, c.last_seq - f.total as seq, c.last_no - f.counted as no, f.total
    ), stored as (
      insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at,
        reply_seq, thread_seq, mentions, mentions_all, tickers, attachments)
      select f.id, b.id, b.no + f.counted, b.seq + f.place, ${userId}::uuid, f.client_id, f.body, ${now}::timestamptz,
        f.reply_seq, f.thread_seq, f.mentions, coalesce(f.mentions_all, false), f.tickers, f.attachments
      from fresh f cross join bumped b returning id, client_id, seq, no, created_at
    ), queued as (
      insert into app.bus_outbox (id, channel, seq, events)
      select ${outboxId}::uuid, 'c:' || b.id, b.seq + 1, b.total from bumped b
    )
    select id, client_id, seq, no, created_at, null::jsonb as prior from stored
    union all
    select p.id, p.client_id, p.seq, p.no, p.created_at, p.prior from prior p
    where exists (select 1 from member)`;
}

/** What became of each draft, by its client id. */
export function sentOf(
  rows: SentRow[],
  drafts: NewMessage[],
  senderId: string,
): Map<string, SentMessage> {
  const made = new Map(drafts.map((draft) => [draft.client_id, draft]));
  return new Map(
    rows.map((row) => [row.client_id, toSent(row, made.get(row.client_id), senderId)]),
  );
}

function toSent(row: SentRow, draft: NewMessage | undefined, senderId: string): SentMessage {
  const no = Number(row.no);
  if (row.prior) return { message: toMessage(readMessageRow(row.prior)), no, duplicate: true };
  if (!draft) throw new Error("Cannot send: a message was stored that nobody sent");
  const { reply_seq: replySeq, thread_seq: threadSeq, mentions, tickers, attachments } = draft;
  const message: Message = {
    id: row.id,
    seq: Number(row.seq),
    clientId: row.client_id,
    senderId,
    body: draft.body,
    createdAt: new Date(row.created_at).toISOString(),
    ...(replySeq === undefined ? {} : { replySeq }),
    ...(threadSeq === undefined ? {} : { threadSeq }),
    ...(mentions?.length ? { mentions } : {}),
    ...(draft.mentions_all ? { mentionsAll: true as const } : {}),
    ...(tickers?.length ? { tickers } : {}),
    ...(attachments?.length ? { attachments } : {}),
  };
  return { message, no, duplicate: false };
}
