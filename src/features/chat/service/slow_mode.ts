import { type SQL, sql } from "drizzle-orm";

import { AppError } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { SlowMode } from "../schema/conversations.ts";
import { Permission, WAITS } from "../schema/permissions.ts";

interface Sender {
  userId: string;
  conversationId: string;
}

/** What `member` has to be to send without waiting for anything. */
export const SENDS_FREELY = sql`permissions & ${Permission.send | WAITS} = ${Permission.send}`;

/**
 * The row of one who sends in slow mode, taken where their wait is over: of two sends at once one finds it taken. It
 * stands in the statement that stores the message, behind `member` and `fresh`, so that it holds only with that.
 */
export function claimTurn({ userId, conversationId, now }: Sender & { now: string }): SQL {
  return sql`
    insert into app.conversation_states as st (conversation_id, user_id, last_sent_at)
    select m.conversation_id, ${userId}::uuid, ${now}::timestamptz from member m
    where m.permissions & ${Permission.send} <> 0 and (select count(*) from fresh) = 1
    on conflict (conversation_id, user_id) do update set last_sent_at = excluded.last_sent_at
    where st.last_sent_at is null or st.last_sent_at <= excluded.last_sent_at - (
      select make_interval(secs => s.slow_mode_seconds) from app.conversation_settings s
      where s.conversation_id = ${conversationId}::uuid)
    returning conversation_id`;
}

/** Where the sender is one who waits, when their next message may come; undefined for anybody else. */
export async function findTurn(platform: Platform, sender: Sender): Promise<Date | undefined> {
  const [row] = await platform.db.run(
    { role: "app", userId: sender.userId },
    (tx) =>
      tx.execute<{ turn: string | null }>(sql`
        select st.last_sent_at + make_interval(secs => s.slow_mode_seconds) as turn
        from app.conversation_members m
        join app.conversation_settings s on s.conversation_id = m.conversation_id
        left join app.conversation_states st
          on st.conversation_id = m.conversation_id and st.user_id = m.user_id
        where m.conversation_id = ${sender.conversationId}::uuid and m.user_id = ${sender.userId}::uuid
          and m.left_seq is null and m.permissions & ${Permission.send} <> 0 and m.permissions & ${WAITS} <> 0`),
    { read: true },
  );
  if (!row) return undefined;
  return new Date(row.turn ?? 0);
}

/** Says how long to wait; a moment at least, for who has sent twice at once. */
export function slowDown(turn: Date, now: Date): AppError {
  const afterMs = Math.max(MIN_WAIT_MS, turn.getTime() - now.getTime());
  return new AppError(SlowMode, "Cannot send yet: there is slow mode", {
    afterMs,
    headers: { "retry-after": String(Math.ceil(afterMs / 1_000)) },
  });
}

const MIN_WAIT_MS = 1_000;
