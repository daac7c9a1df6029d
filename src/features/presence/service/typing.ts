import { sql } from "drizzle-orm";

import type { Platform } from "../../../platform/platform.ts";
import { createRates } from "../../../platform/realtime/rate.ts";

/** One in this time, with some leniency for two that were sent further apart than they arrive. */
const TYPING_RATE = { count: 1, perMs: 3_000, burst: 1.2 };
/** In a larger conversation somebody would always be typing. */
const MAX_MEMBERS = 256;
const SEND_PERMISSION = 1;
/** How long a look at a member's permissions counts. Whoever has left is out of the channel at once. */
const PERMITTED_MS = 10_000;
/** Some 3 MB each. */
const MAX_WRITERS = 20_000;

export interface Typing {
  /** Shows that the user writes or has stopped, unless that was shown a moment ago or may not be. */
  show(typing: { userId: string; conversationId: string; on: boolean }): Promise<void>;
}

export function createTyping(platform: Platform): Typing {
  const clock = () => performance.now();
  const rates = createRates({ rate: TYPING_RATE, now: clock, maxSubjects: MAX_WRITERS });
  const permitted = new Map<string, { isPermitted: boolean; until: number }>();
  /** Those who were shown as writing and not yet as having stopped. */
  const writing = new Set<string>();

  async function isPermitted(key: string, userId: string, conversationId: string) {
    const known = permitted.get(key);
    if (known && known.until > clock()) return known.isPermitted;
    const found = await mayType(platform, userId, conversationId);
    permitted.delete(key);
    permitted.set(key, { isPermitted: found, until: clock() + PERMITTED_MS });
    shorten(permitted);
    return found;
  }
  return {
    show: async ({ userId, conversationId, on }) => {
      const key = `${conversationId} ${userId}`;
      const isDue = on ? rates.take(key, 1).admitted === 1 : writing.delete(key);
      if (!isDue || !(await isPermitted(key, userId, conversationId))) return;
      if (on) shorten(writing.add(key));
      platform.ephemeral.publish(`c:${conversationId}`, { k: "typ", u: userId, on });
    },
  };
}

/** Forgets the oldest beyond a bound. */
function shorten(list: Map<string, unknown> | Set<string>): void {
  const [oldest] = list.keys();
  if (list.size > MAX_WRITERS && oldest !== undefined) list.delete(oldest);
}

async function mayType({ db }: Platform, userId: string, conversationId: string): Promise<boolean> {
  const [row] = await db.run(
    { role: "system" },
    (tx) =>
      tx.execute<{ may: boolean }>(sql`
        select m.permissions & ${SEND_PERMISSION} <> 0 and (select count(*) from (
          select 1 from app.conversation_members x
          where x.conversation_id = m.conversation_id and x.left_seq is null limit ${MAX_MEMBERS + 1}
        ) counted) <= ${MAX_MEMBERS} and not exists (
          select 1 from app.conversations c
          join app.conversation_members x on x.conversation_id = c.id and x.user_id <> m.user_id
          join app.blocks b on (b.blocker_id, b.blocked_id) in ((m.user_id, x.user_id), (x.user_id, m.user_id))
          where c.id = m.conversation_id and c.kind = 'direct'
        ) as may
        from app.conversation_members m
        where m.conversation_id = ${conversationId} and m.user_id = ${userId} and m.left_seq is null`),
    { read: true },
  );
  return row?.may ?? false;
}
