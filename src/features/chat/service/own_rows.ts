import { type SQL, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { Conversation, ConversationDetails } from "../schema/conversations.ts";
import { MAX_UNREAD } from "../schema/own.ts";
import { MEMBER_DEFAULTS, type Role } from "../schema/permissions.ts";
import { mutedOf } from "./own_settings.ts";

/** A member's conversation as the statement below answers it. */
export interface OwnRow extends Record<string, unknown> {
  id: string;
  kind: Conversation["kind"];
  created_by: string;
  last_seq: string;
  member_count: number;
  last_event_at: string;
  created_at: string;
  role: Role;
  permissions: number;
  read_seq: string;
  muted_until: string | null;
  is_archived: boolean;
  notify: Conversation["notify"];
  name: string | null;
  description: string | null;
  history: ConversationDetails["history"] | null;
  member_permissions: number | null;
  slow_mode_seconds: number | null;
  unread: number;
  mentions: number;
}

/** Up to where a member has read: nothing from before their time there is unread. */
export const READ_SEQ = sql`greatest(coalesce(st.last_read_seq, 0), m.joined_seq)`;

/** How many messages of others behind `p.read_seq` are neither deleted nor in a thread. */
export function countUnread(userId: string): SQL {
  return sql`(select count(*)::int from (
    select from app.messages x where x.conversation_id = p.id and x.seq > p.read_seq
      and x.sender_id <> ${userId}::uuid and x.deleted_at is null and x.thread_seq is null
    limit ${MAX_UNREAD}) few)`;
}

/** Those that name the user or everybody, in threads too: whoever does not follow one would never hear of it. */
export function countMentions(userId: string): SQL {
  return sql`(select count(*)::int from (
    (select x.seq from app.message_mentions n
      join app.messages x on x.conversation_id = n.conversation_id and x.seq = n.message_seq
      where n.conversation_id = p.id and n.user_id = ${userId}::uuid and n.message_seq > p.read_seq
        and x.sender_id <> ${userId}::uuid and x.deleted_at is null limit ${MAX_UNREAD})
    union
    (select x.seq from app.messages x where x.conversation_id = p.id and x.seq > p.read_seq
      and x.mentions_all and x.sender_id <> ${userId}::uuid and x.deleted_at is null limit ${MAX_UNREAD})
    limit ${MAX_UNREAD}) few)`;
}

/** The conversations that a user is in, in which `where` holds, the last active first. What is unread is counted for these alone. */
export async function selectOwn(
  tx: Transaction,
  { userId, where, limit }: { userId: string; where: SQL; limit: number },
): Promise<OwnRow[]> {
  return await tx.execute<OwnRow>(sql`
    with p as materialized (
      select c.id, c.kind, c.created_by, c.last_seq, c.member_count, c.last_event_at, c.created_at,
        m.role, m.permissions, ${READ_SEQ} as read_seq, st.muted_until,
        coalesce(st.is_archived, false) as is_archived, coalesce(st.notify, 'all') as notify,
        se.name, se.description, se.history, se.member_permissions, se.slow_mode_seconds
      from app.conversation_members m
      join app.conversations c on c.id = m.conversation_id
      left join app.conversation_settings se on se.conversation_id = c.id
      left join app.conversation_states st on st.conversation_id = c.id and st.user_id = m.user_id
      where m.user_id = ${userId}::uuid and m.left_seq is null and ${where}
      order by c.last_event_at desc, c.id desc limit ${limit}
    )
    select p.*, ${countUnread(userId)} as unread, ${countMentions(userId)} as mentions
    from p order by p.last_event_at desc, p.id desc`);
}

export function toConversation(row: OwnRow, now: Date): Conversation {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    memberCount: row.member_count,
    createdBy: row.created_by,
    lastSeq: Number(row.last_seq),
    lastEventAt: new Date(row.last_event_at).toISOString(),
    createdAt: new Date(row.created_at).toISOString(),
    role: row.role,
    permissions: row.permissions,
    readSeq: Number(row.read_seq),
    unread: row.unread,
    mentions: row.mentions,
    muted: mutedOf(row.muted_until, now),
    archived: row.is_archived,
    notify: row.notify,
  };
}

/** @throws AppError not_found for who is not in it. */
export async function getConversation(
  platform: Platform,
  { userId, conversationId }: { userId: string; conversationId: string },
): Promise<ConversationDetails> {
  const where = sql`c.id = ${conversationId}::uuid`;
  const [row] = await platform.db.run(
    { role: "app", userId },
    (tx) => selectOwn(tx, { userId, where, limit: 1 }),
    { read: true },
  );
  if (!row) throw new AppError(NotFound, `Cannot see conversation "${conversationId}"`);
  return {
    ...toConversation(row, platform.now()),
    description: row.description ?? "",
    history: row.history ?? "all",
    memberPermissions: row.member_permissions ?? MEMBER_DEFAULTS[row.kind],
    slowModeSeconds: row.slow_mode_seconds ?? 0,
  };
}
