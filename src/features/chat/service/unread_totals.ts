import { sql } from "drizzle-orm";

import type { Platform } from "../../../platform/platform.ts";
import { MAX_TOTALLED, type UnreadTotals } from "../schema/states.ts";
import { countMentions, countUnread, READ_SEQ } from "./own_rows.ts";

interface TotalsRow extends Record<string, unknown> {
  conversations: number;
  unread: number;
  mentions: number;
  looked_at: number;
}

/** What waits for a user in all conversations that are neither archived nor muted, for a badge. */
export async function totalUnread(platform: Platform, userId: string): Promise<UnreadTotals> {
  const now = platform.now().toISOString();
  const [row] = await platform.db.run(
    { role: "app", userId },
    (tx) =>
      tx.execute<TotalsRow>(sql`
        with p as materialized (
          select c.id, ${READ_SEQ} as read_seq
          from app.conversation_members m
          join app.conversations c on c.id = m.conversation_id
          left join app.conversation_states st on st.conversation_id = c.id and st.user_id = m.user_id
          where m.user_id = ${userId}::uuid and m.left_seq is null and c.last_seq > ${READ_SEQ}
            and not coalesce(st.is_archived, false)
            and (st.muted_until is null or st.muted_until <= ${now}::timestamptz)
          order by c.last_event_at desc, c.id desc limit ${MAX_TOTALLED + 1}
        ), looked_at as (
          select ${countUnread(userId)} as unread, ${countMentions(userId)} as mentions
          from (select * from p limit ${MAX_TOTALLED}) p
        )
        select count(*) filter (where unread > 0 or mentions > 0)::int as conversations,
          coalesce(sum(unread), 0)::int as unread, coalesce(sum(mentions), 0)::int as mentions,
          (select count(*)::int from p) as looked_at
        from looked_at`),
    { read: true },
  );
  return {
    conversations: row?.conversations ?? 0,
    unread: row?.unread ?? 0,
    mentions: row?.mentions ?? 0,
    truncated: (row?.looked_at ?? 0) > MAX_TOTALLED,
  };
}
