import { eq, type SQL, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { Audience, PresenceSettings } from "../schema.ts";
import { presenceSettings } from "../tables.ts";

/** Groups that are larger do not show who is there. */
const MAX_SHOWN_MEMBERS = 100;
/** Conversations in which a change of one user is told, those with the newest events first. */
const MAX_SHOWN_CONVERSATIONS = 100;

/** What a user lets others know. */
export interface Visibility extends PresenceSettings {
  lastSeenAt: Date | null;
}

const DEFAULTS: Visibility = {
  visibleTo: "contacts",
  lastSeenTo: "contacts",
  isInvisible: false,
  lastSeenAt: null,
};

/** Whether somebody may know what is meant for this audience. */
export function mayKnow(audience: Audience, isContact: boolean): boolean {
  return audience === "everybody" || (audience === "contacts" && isContact);
}

/** As the user has set it, or as it is for everybody who has set nothing. */
export async function findVisibility(tx: Transaction, userId: string): Promise<Visibility> {
  const { visibleTo, lastSeenTo, isInvisible, lastSeenAt } = presenceSettings;
  const [row] = await tx
    .select({ visibleTo, lastSeenTo, isInvisible, lastSeenAt })
    .from(presenceSettings)
    .where(eq(presenceSettings.userId, userId));
  return row ?? DEFAULTS;
}

export interface Asked extends Visibility {
  userId: string;
  /** Whether the user has written to the viewer. */
  isContact: boolean;
}

interface AskedRow extends Record<string, unknown> {
  id: string;
  is_contact: boolean;
  visible_to: Audience | null;
  last_seen_to: Audience | null;
  is_invisible: boolean | null;
  last_seen_at: string | null;
}

/** Those who have blocked the user, or whom the user has blocked: neither is to know of the other. */
function selectApart(userId: SQL): SQL {
  return sql`
    select blocked_id from app.blocks where blocker_id = ${userId}
    union all select blocker_id from app.blocks where blocked_id = ${userId}`;
}

/**
 * True where the user has begun a direct conversation `c` or written in it. That somebody has written to them makes
 * nobody a contact, or every stranger could make themselves one.
 */
function isContact(userId: SQL): SQL {
  return sql`(c.kind = 'direct' and (c.created_by = ${userId} or exists (
    select 1 from app.messages x where x.conversation_id = c.id and x.sender_id = ${userId})))`;
}

/** What the users let the viewer know; those are left out who are unknown, have closed their account, or are blocked. */
export async function listAsked(
  tx: Transaction,
  viewerId: string,
  userIds: string[],
): Promise<Asked[]> {
  const asked = userIds.map((id) => ({ id, key: [viewerId, id].toSorted().join(":") }));
  const rows = await tx.execute<AskedRow>(sql`
    select u.id, s.visible_to, s.last_seen_to, s.is_invisible, s.last_seen_at,
      exists (select 1 from app.conversations c where c.direct_key = asked.key and ${isContact(sql`u.id`)}) as is_contact
    from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) as asked(id uuid, key text)
    join app.users u on u.id = asked.id and u.closed_at is null
    left join app.presence_settings s on s.user_id = u.id
    where u.id not in (${selectApart(sql`${viewerId}::uuid`)})`);
  return rows.map((row) => ({
    userId: row.id,
    isContact: row.is_contact,
    visibleTo: row.visible_to ?? DEFAULTS.visibleTo,
    lastSeenTo: row.last_seen_to ?? DEFAULTS.lastSeenTo,
    isInvisible: row.is_invisible ?? DEFAULTS.isInvisible,
    lastSeenAt: row.last_seen_at === null ? null : new Date(row.last_seen_at),
  }));
}

export interface Place {
  conversationId: string;
  /** Whether the other one there is a contact. */
  isContact: boolean;
}

/**
 * Where others would see the user come and go. In groups are also those who are no contacts; what is told there is told
 * to all, so nothing is told where somebody is who is not to know.
 */
function selectPlaces(userId: string, audience: SQL): SQL {
  return sql`
    select c.id, ${isContact(sql`m.user_id`)} as is_contact from app.conversation_members m
    join app.conversations c on c.id = m.conversation_id
    where m.user_id = ${userId} and m.left_seq is null and ${audience} <> 'nobody' and not exists (
      select 1 from app.conversation_members x
      where x.conversation_id = c.id and x.left_seq is null
        and x.user_id in (${selectApart(sql`${userId}::uuid`)})
    ) and (
      ${isContact(sql`m.user_id`)} or (${audience} = 'everybody' and (
        select count(*) from (
          select 1 from app.conversation_members x
          where x.conversation_id = c.id and x.left_seq is null limit ${MAX_SHOWN_MEMBERS + 1}
        ) counted) <= ${MAX_SHOWN_MEMBERS}))
    order by c.last_event_at desc limit ${MAX_SHOWN_CONVERSATIONS}`;
}

interface PlaceRow extends Record<string, unknown> {
  id: string | null;
  is_contact: boolean | null;
}

function toPlaces(rows: PlaceRow[]): Place[] {
  return rows.flatMap(({ id, is_contact: known }) =>
    id === null ? [] : [{ conversationId: id, isContact: known === true }],
  );
}

/** As if the user had chosen this audience. */
export async function listPlaces(
  tx: Transaction,
  userId: string,
  audience: Audience,
): Promise<Place[]> {
  return toPlaces(await tx.execute<PlaceRow>(selectPlaces(userId, sql`${audience}::text`)));
}

/** Where a change of the user is to be told, in one statement, because there is one for everybody who comes. */
export async function findViewers(
  tx: Transaction,
  userId: string,
): Promise<{ isInvisible: boolean; lastSeenTo: Audience; places: Place[] }> {
  const rows = await tx.execute<PlaceRow & { last_seen_to: Audience; is_invisible: boolean }>(sql`
    select chosen.last_seen_to, chosen.is_invisible, place.id, place.is_contact
    from (
      select coalesce(max(visible_to), ${DEFAULTS.visibleTo}) as visible_to,
        coalesce(max(last_seen_to), ${DEFAULTS.lastSeenTo}) as last_seen_to,
        coalesce(bool_or(is_invisible), false) as is_invisible
      from app.presence_settings where user_id = ${userId}
    ) chosen
    left join lateral (${selectPlaces(userId, sql`chosen.visible_to`)}) place
      on not chosen.is_invisible`);
  const [first] = rows;
  return {
    isInvisible: first?.is_invisible ?? true,
    lastSeenTo: first?.last_seen_to ?? DEFAULTS.lastSeenTo,
    places: toPlaces(rows),
  };
}
