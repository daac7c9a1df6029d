import { type SQL, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { ChannelEvent, Range, ReadRange } from "../../../platform/realtime/source.ts";
import { veil } from "../../../platform/realtime/veil.ts";
import type { ChatEventData, ChatEventKind } from "../schema/events.ts";
import { channelOf, chatEvent, concealEdit, conversationOf, messageEvent } from "./frames.ts";
import { editOf, readMessageRow, toMessage } from "./message_rows.ts";

/** One event as Postgres hands it over; `message` is what it tells or what it is about, its columns as JSON. */
interface EventRow extends Record<string, unknown> {
  seq: string;
  kind: string;
  data: unknown;
  created_at: string;
  message: Record<string, unknown> | null;
}

/** A conversation, the position behind which its events are wanted, and how many of them, each as SQL. */
interface Wanted {
  id: SQL;
  after: SQL;
  limit: SQL;
}

/**
 * Each side walks its own index in the order of positions and ends at the limit, however long the conversation is. What
 * a message says is read from its row, as it is now: an older change of it tells the same, and nothing that was deleted.
 */
function eventsOf({ id, after, limit }: Wanted): SQL {
  const range = sql`conversation_id = ${id} and seq > ${after} order by seq limit ${limit}`;
  return sql`
    (select seq, 'msg.new' as kind, null::jsonb as data, created_at, to_jsonb(m) as message
      from app.messages m where ${range})
    union all
    (select e.seq, e.kind, e.data, e.created_at, to_jsonb(m)
      from (select * from app.conversation_events where ${range}) e
      left join app.messages m
        on e.kind = 'msg.edit' and m.conversation_id = e.conversation_id and m.seq = e.message_seq)
    order by seq limit ${limit}`;
}

/** The events of one conversation behind a position. */
export async function selectEvents(
  tx: Transaction,
  conversationId: string,
  { after, limit }: Omit<Range, "channel">,
): Promise<ChannelEvent[]> {
  const wanted = { id: sql`${conversationId}::uuid`, after: sql`${after}`, limit: sql`${limit}` };
  const rows = await tx.execute<EventRow>(eventsOf(wanted));
  return rows.map((row) => toEvent(conversationId, row));
}

/** The range that a row belongs to; without an event where the range is empty. */
interface RangeRow extends Omit<EventRow, "seq"> {
  at: number;
  conversation_id: string;
  top: string;
  behind: string;
  visible_from: string;
  seq: string | null;
}

/** What a member may see of several conversations; a range of one that they are not in has no row. */
export async function selectRanges(
  tx: Transaction,
  userId: string,
  ranges: Range[],
): Promise<(ReadRange | undefined)[]> {
  const asked = ranges.map(({ channel, after, limit }, at) => {
    return { at, id: conversationOf(channel), after, most: limit };
  });
  const events = eventsOf({ id: sql`r.id`, after: sql`b.behind`, limit: sql`r.most` });
  const rows = await tx.execute<RangeRow>(sql`
    select r.at, r.id as conversation_id, c.last_seq as top, b.behind, m.visible_from, e.*
    from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) as r(at int, id uuid, after bigint, most int)
    join app.conversation_members m
      on m.conversation_id = r.id and m.user_id = ${userId}::uuid and m.left_seq is null
    join app.conversations c on c.id = r.id
    cross join lateral (select greatest(r.after, m.visible_from - 1) as behind) b
    left join lateral (${events}) e on true
    order by r.at, e.seq`);
  const found: (ReadRange | undefined)[] = ranges.map(() => undefined);
  const source = { conceal: (_: string, frame: string) => concealEdit(frame) };
  for (const { at, conversation_id: id, top, behind, seq, visible_from, ...row } of rows) {
    const range = (found[at] ??= { from: Number(behind), top: Number(top), events: [] });
    if (seq === null) continue;
    const viewer = { channel: channelOf(id), visibleFrom: Number(visible_from) };
    range.events.push(veil(toEvent(id, { ...row, seq } as EventRow), viewer, source));
  }
  return found;
}

function toEvent(conversationId: string, row: EventRow): ChannelEvent {
  const message = row.message && toMessage(readMessageRow(row.message));
  if (row.kind === "msg.new" && message) return messageEvent(conversationId, message);
  const kind = row.kind as Exclude<ChatEventKind, "msg.new">;
  const data = { ...(row.data as object), ...(message && editOf(message)) };
  return chatEvent(conversationId, {
    seq: Number(row.seq),
    kind,
    data: data as ChatEventData<typeof kind>,
    createdAt: new Date(row.created_at),
  });
}
