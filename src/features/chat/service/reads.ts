import { type SQL, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, NotFound } from "../../../platform/errors.ts";
import type { Publication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import { appendUserEvents, userEvent } from "../../realtime/mod.ts";
import { Permission } from "../schema/permissions.ts";
import { MAX_RECEIPT_MEMBERS, type ReadState } from "../schema/states.ts";
import { OwnRead } from "../schema/user_events.ts";
import { channelOf } from "./frames.ts";
import { countMentions, countUnread, READ_SEQ } from "./own_rows.ts";

/** Where a member's pointer stood and stands, and whom it concerns. */
interface PointerRow extends Record<string, unknown> {
  kind: "direct" | "group" | "channel";
  member_count: number;
  seq: string;
  public_seq: string;
  has_moved: boolean;
  has_moved_publicly: boolean;
}

export interface ReadInput {
  userId: string;
  conversationId: string;
  seq: number;
  /** Whether the others are told nothing. */
  private?: boolean | undefined;
}

interface ReadMark {
  seq: number;
  priv?: boolean | undefined;
}

/**
 * Moves a member's pointer forward, never beyond what there is, and tells their other devices. What is behind already
 * changes nothing; the others of a small conversation are told, if they are there to hear it. @throws AppError not_found.
 */
export async function markRead(platform: Platform, input: ReadInput): Promise<void> {
  const [row, publications] = await platform.db.run(
    { role: "app", userId: input.userId },
    async (tx) => {
      const moved = await movePointer(tx, input);
      const told = { ...input, seq: Number(moved.seq), now: platform.now() };
      return [moved, moved.has_moved ? await tellDevices(tx, told) : []] as const;
    },
  );
  platform.outbox.publish(publications);
  if (row.has_moved_publicly && tellsReads(row))
    platform.ephemeral.publish(channelOf(input.conversationId), {
      k: "read",
      u: input.userId,
      seq: Number(row.public_seq),
    });
}

/** Many positions that came one behind the other: where they end up is written, once in public and once beyond it. */
export async function markAllRead(
  platform: Platform,
  { marks, ...reader }: Omit<ReadInput, "seq" | "private"> & { marks: ReadMark[] },
): Promise<void> {
  const furthest = (of: ReadMark[]) => Math.max(-1, ...of.map(({ seq }) => seq));
  const open = furthest(marks.filter(({ priv }) => priv !== true));
  const hidden = furthest(marks);
  if (open >= 0) await markRead(platform, { ...reader, seq: open });
  if (hidden > open) await markRead(platform, { ...reader, seq: hidden, private: true });
}

/** Calls a message and all behind it unread; what the others know stays as it is. @throws AppError not_found. */
export async function markUnread(
  platform: Platform,
  input: Omit<ReadInput, "private">,
): Promise<ReadState> {
  const { userId, conversationId, seq } = input;
  const [state, publications] = await platform.db.run({ role: "app", userId }, async (tx) => {
    await tx.execute(sql`
      insert into app.conversation_states as st (conversation_id, user_id, last_read_seq)
      select m.conversation_id, m.user_id, least(m.joined_seq, ${seq}::bigint - 1)
      from app.conversation_members m
      where m.conversation_id = ${conversationId}::uuid and m.user_id = ${userId}::uuid and m.left_seq is null
      on conflict (conversation_id, user_id)
      do update set last_read_seq = least(st.last_read_seq, ${seq}::bigint - 1)`);
    const after = await readState(tx, input);
    const told = { ...input, seq: after.seq, now: platform.now() };
    return [after, await tellDevices(tx, told)] as const;
  });
  platform.outbox.publish(publications);
  return state;
}

/** What a member has read, and how much they have not. @throws AppError not_found for a stranger. */
export async function getReadState(
  platform: Platform,
  input: { userId: string; conversationId: string },
): Promise<ReadState> {
  const actor = { role: "app", userId: input.userId } as const;
  return await platform.db.run(actor, (tx) => readState(tx, input), { read: true });
}

/** One statement, in which the row of the member says whether there is anything to move. */
async function movePointer(tx: Transaction, input: ReadInput): Promise<PointerRow> {
  const { userId, conversationId, seq } = input;
  const publicly: SQL = input.private ? sql`0::bigint` : sql`p.public_target`;
  const [row] = await tx.execute<PointerRow>(sql`
    with p as materialized (
      select c.id, c.kind, c.member_count, ${READ_SEQ} as seq, coalesce(st.public_read_seq, 0) as public_seq,
        least(${seq}::bigint, c.last_seq) as target,
        -- Two of whom one has blocked the other do not hear of each other, and may not send.
        case when c.kind = 'direct' and m.permissions & ${Permission.send} = 0 then 0
          else least(${seq}::bigint, c.last_seq) end as public_target
      from app.conversation_members m
      join app.conversations c on c.id = m.conversation_id
      left join app.conversation_states st on st.conversation_id = c.id and st.user_id = m.user_id
      where m.conversation_id = ${conversationId}::uuid and m.user_id = ${userId}::uuid and m.left_seq is null
    ), moved as (
      insert into app.conversation_states as st (conversation_id, user_id, last_read_seq, public_read_seq)
      select p.id, ${userId}::uuid, p.target, ${publicly} from p
      where p.target > p.seq or ${publicly} > p.public_seq
      on conflict (conversation_id, user_id) do update set
        last_read_seq = greatest(st.last_read_seq, excluded.last_read_seq),
        public_read_seq = greatest(st.public_read_seq, excluded.public_read_seq)
      returning last_read_seq, public_read_seq
    )
    select p.kind, p.member_count, greatest(p.seq, moved.last_read_seq) as seq,
      greatest(p.public_seq, moved.public_read_seq) as public_seq,
      coalesce(moved.last_read_seq > p.seq, false) as has_moved,
      coalesce(moved.public_read_seq > p.public_seq, false) as has_moved_publicly
    from p left join moved on true`);
  if (!row) throw new AppError(NotFound, `Cannot see conversation "${conversationId}"`);
  return row;
}

async function readState(
  tx: Transaction,
  { userId, conversationId }: { userId: string; conversationId: string },
): Promise<ReadState> {
  const [row] = await tx.execute<{
    seq: string;
    public_seq: string;
    unread: number;
    mentions: number;
  }>(sql`
    with p as materialized (
      select m.conversation_id as id, ${READ_SEQ} as read_seq, coalesce(st.public_read_seq, 0) as public_seq
      from app.conversation_members m
      left join app.conversation_states st on st.conversation_id = m.conversation_id and st.user_id = m.user_id
      where m.conversation_id = ${conversationId}::uuid and m.user_id = ${userId}::uuid and m.left_seq is null
    )
    select p.read_seq as seq, p.public_seq, ${countUnread(userId)} as unread, ${countMentions(userId)} as mentions
    from p`);
  if (!row) throw new AppError(NotFound, `Cannot see conversation "${conversationId}"`);
  const { unread, mentions } = row;
  return { seq: Number(row.seq), publicSeq: Number(row.public_seq), unread, mentions };
}

async function tellDevices(
  tx: Transaction,
  { userId, conversationId, seq, now }: ReadInput & { now: Date },
): Promise<Publication[]> {
  return await appendUserEvents(tx, [userEvent(userId, OwnRead, { conversationId, seq })], now);
}

/** Whether its members may know how far the others have read. */
function tellsReads({ kind, member_count }: Pick<PointerRow, "kind" | "member_count">): boolean {
  return kind !== "channel" && member_count <= MAX_RECEIPT_MEMBERS;
}
