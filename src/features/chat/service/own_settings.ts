import { sql } from "drizzle-orm";

import { AppError, NotFound, ValidationFailed } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { appendUserEvents, userEvent } from "../../realtime/mod.ts";
import type { Settings } from "../schema/own.ts";
import type { SettingsPatch } from "../schema/states.ts";
import { OwnSettings } from "../schema/user_events.ts";

/** Later than any time that somebody may name. */
const FOREVER = "9999-12-31T23:59:59.999Z";

interface StateRow extends Record<string, unknown> {
  muted_until: string | null;
  is_archived: boolean;
  notify: Settings["notify"];
}

/** A time that is over mutes no more. */
export function mutedOf(mutedUntil: string | null, now: Date): Settings["muted"] {
  if (mutedUntil === null) return null;
  const until = new Date(mutedUntil).toISOString();
  if (until === FOREVER) return "forever";
  return until > now.toISOString() ? until : null;
}

function mutedUntilOf(muted: Settings["muted"], now: Date): string | null {
  if (muted === null) return null;
  if (muted === "forever") return FOREVER;
  const until = new Date(muted);
  if (until <= now || until.toISOString() >= FOREVER) throw wrongTime();
  return until.toISOString();
}

/** Changes how a member wants to hear of a conversation, and tells their devices. @throws AppError not_found for a stranger. */
export async function changeOwnSettings(
  platform: Platform,
  input: { userId: string; conversationId: string; patch: typeof SettingsPatch.static },
): Promise<Settings> {
  const { userId, conversationId, patch } = input;
  const now = platform.now();
  const muted = patch.muted === undefined ? undefined : mutedUntilOf(patch.muted, now);
  const change = sql`
    muted_until = ${muted === undefined ? sql`st.muted_until` : sql`excluded.muted_until`},
    is_archived = ${patch.archived === undefined ? sql`st.is_archived` : sql`excluded.is_archived`},
    notify = ${patch.notify === undefined ? sql`st.notify` : sql`excluded.notify`}`;
  const [settings, publications] = await platform.db.run({ role: "app", userId }, async (tx) => {
    const [row] = await tx.execute<StateRow>(sql`
      insert into app.conversation_states as st (conversation_id, user_id, muted_until, is_archived, notify)
      select m.conversation_id, m.user_id, ${muted ?? null}::timestamptz, ${patch.archived ?? false}::boolean,
        ${patch.notify ?? "all"}::text
      from app.conversation_members m
      where m.conversation_id = ${conversationId}::uuid and m.user_id = ${userId}::uuid and m.left_seq is null
      on conflict (conversation_id, user_id) do update set ${change}
      returning muted_until, is_archived, notify`);
    if (!row) throw new AppError(NotFound, `Cannot see conversation "${conversationId}"`);
    const { is_archived: archived, notify } = row;
    const after: Settings = { muted: mutedOf(row.muted_until, now), archived, notify };
    const told = userEvent(userId, OwnSettings, { conversationId, ...after });
    return [after, await appendUserEvents(tx, [told], now)] as const;
  });
  platform.outbox.publish(publications);
  return settings;
}

function wrongTime(): AppError {
  const message = { en: "must be a time to come", vi: "phải là thời điểm trong tương lai" };
  return new AppError(ValidationFailed, "Cannot mute until a time that is over", {
    errors: [{ pointer: "/muted", code: "past", message }],
  });
}
