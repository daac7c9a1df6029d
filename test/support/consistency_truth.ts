import type postgres from "postgres";

import { markOf, wantedBodyOf } from "./consistency_events.ts";
import { emptyLog, type EventLog, type Promised } from "./consistency_log.ts";
import type { Sight, SightMessage } from "./consistency_sight.ts";

/** What happened in one conversation behind a position, as Postgres has it. */
export interface Stored {
  log: EventLog;
  messages: Promised[];
  /** Messages whose row says something that was never said there. */
  wrongBodies: string[];
}

/** Somebody came in or was taken out, at a position. */
export interface Move {
  seq: number;
  userId: string;
  op: "add" | "remove";
}

interface EventRow {
  seq: number;
  kind: string;
  data: Record<string, unknown>;
}

const PAGE = 10_000;

export async function readStored(sql: postgres.Sql, id: string, behind: number): Promise<Stored> {
  const stored: Stored = { log: emptyLog(), messages: [], wrongBodies: [] };
  for (let after = behind; ;) {
    const rows = await sql<EventRow[]>`
      select seq::int, 'msg.new' as kind, jsonb_build_object('id', id, 'clientId', client_id,
          'senderId', sender_id, 'seq', seq, 'body', body, 'rev', rev, 'deletedAt', deleted_at) as data
        from app.messages where conversation_id = ${id} and seq > ${after}
      union all
      select seq::int, kind, data from app.conversation_events
        where conversation_id = ${id} and seq > ${after}
      order by seq limit ${PAGE}`;
    for (const { seq, kind, data } of rows) {
      stored.log.seqs.push(seq);
      stored.log.marks.push(markOf(kind, data));
      if (kind !== "msg.new") continue;
      const { id: messageId, clientId, body } = data;
      stored.messages.push({ clientId: String(clientId), messageId: String(messageId), seq });
      if (body !== wantedBodyOf(data)) stored.wrongBodies.push(`${seq} of ${id}: ${String(body)}`);
    }
    after = rows.at(-1)?.seq ?? after;
    if (rows.length < PAGE) return stored;
  }
}

/** The user's own stream behind a position. */
export async function readOwnStream(
  sql: postgres.Sql,
  userId: string,
  behind: number,
): Promise<EventLog> {
  const rows = await sql<EventRow[]>`
    select seq::int, kind, data from app.user_events
    where user_id = ${userId} and seq > ${behind} order by seq`;
  return {
    seqs: rows.map(({ seq }) => seq),
    marks: rows.map(({ kind, data }) => markOf(kind, data)),
  };
}

/** Where the own streams of all users stand. */
export async function readOwnTops(sql: postgres.Sql): Promise<{ userId: string; seq: number }[]> {
  return await sql<{ userId: string; seq: number }[]>`
    select user_id as "userId", last_seq::int as seq from app.user_streams`;
}

export async function readMoves(sql: postgres.Sql, id: string): Promise<Move[]> {
  return await sql<Move[]>`
    select seq::int, data->>'userId' as "userId", data->>'op' as op from app.conversation_events
    where conversation_id = ${id} and kind = 'member' order by seq`;
}

/** Those of some messages that say something. */
export async function readLiving(sql: postgres.Sql, id: string, seqs: number[]): Promise<number[]> {
  const rows = await sql<{ seq: number }[]>`
    select seq::int from app.messages
    where conversation_id = ${id} and seq = any(${seqs}) and deleted_at is null`;
  return rows.map(({ seq }) => seq);
}

export interface Look {
  conversationId: string;
  userId: string;
  /** Newest messages that are wanted. */
  limit: number;
}

/** What the rows say that a member sees; undefined for who is not in it. Asked otherwise than the product asks. */
export async function readRows(sql: postgres.Sql, look: Look): Promise<Sight | undefined> {
  const { conversationId: id, userId, limit } = look;
  const [row] = await sql<(Sight["info"] & { visible: number })[]>`
    select c.last_seq::int as "lastSeq", c.member_count as "memberCount", m.role, m.permissions,
      s.name, s.description, s.history, m.visible_from::int as visible,
      greatest(m.joined_seq, st.last_read_seq)::int as "readSeq"
    from app.conversation_members m
    join app.conversations c on c.id = m.conversation_id
    join app.conversation_settings s on s.conversation_id = c.id
    left join app.conversation_states st on st.conversation_id = c.id and st.user_id = m.user_id
    where m.conversation_id = ${id} and m.user_id = ${userId} and m.left_seq is null`;
  if (!row) return undefined;
  const { visible, ...info } = row;
  const messages = await readMessages(sql, look, visible);
  const members = await sql<{ userId: string; role: string }[]>`
    select user_id as "userId", role from app.conversation_members
    where conversation_id = ${id} and left_seq is null`;
  const pins = await sql<{ seq: number }[]>`
    select message_seq::int as seq from app.pinned_messages
    where conversation_id = ${id} and message_seq >= ${visible} order by 1`;
  const unread = await countUnread(sql, look, Number(info["readSeq"]));
  return {
    info: { ...info, unread },
    messages: messages.slice(-limit),
    members: members.map(({ userId: member, role }) => `${member} ${role}`).toSorted(),
    pins: pins.map(({ seq }) => seq),
  };
}

async function readMessages(
  sql: postgres.Sql,
  { conversationId: id, userId, limit }: Look,
  visible: number,
): Promise<SightMessage[]> {
  const rows = await sql<(SightMessage & { emoji: [string, number, boolean][] | null })[]>`
    select m.seq::int, m.id, m.client_id as "clientId", m.sender_id as "senderId", m.body, m.rev,
      (select jsonb_agg(jsonb_build_array(r.emoji, r.total, r.mine)) from (
        select x.emoji, count(*)::int as total, bool_or(x.user_id = ${userId}) as mine
        from app.message_reactions x
        where x.conversation_id = m.conversation_id and x.message_seq = m.seq group by x.emoji) r
      ) as emoji, m.deleted_at is not null as "isDeleted"
    from app.messages m where m.conversation_id = ${id} and m.seq >= ${visible}
    order by m.seq desc limit ${limit}`;
  return rows.toReversed().map(({ emoji, ...message }) => ({
    ...message,
    reactions: (emoji ?? []).map(([name, total, mine]) => `${name} ${total} ${mine}`).toSorted(),
  }));
}

/** As far as it is counted for anybody. */
const MAX_UNREAD = 1_000;

async function countUnread(
  sql: postgres.Sql,
  { conversationId: id, userId }: Look,
  readSeq: number,
): Promise<number> {
  const [row] = await sql<{ total: number }[]>`
    select count(*)::int as total from app.messages where conversation_id = ${id}
      and seq > ${readSeq} and sender_id <> ${userId} and deleted_at is null`;
  return Math.min(row?.total ?? 0, MAX_UNREAD);
}
