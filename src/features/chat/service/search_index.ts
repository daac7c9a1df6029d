import { and, eq, type SQL, sql } from "drizzle-orm";

import type { Database, Transaction } from "../../../platform/database.ts";
import type { Platform } from "../../../platform/platform.ts";
import { messageWords } from "../tables/search.ts";

type Indexer = Pick<Platform, "db" | "log">;

interface Backlog {
  conversations: Set<string>;
  timer: Timer | undefined;
}

/** What is said meanwhile goes into the index together; until then a search reads it one by one. */
const PAUSE_MS = 2_000;
/** Conversations in one transaction. */
const MAX_TOGETHER = 100;
/** Messages of one conversation in one transaction, so that it is a short one. */
const MAX_MESSAGES = 500;
/** Of conversations that are not noted any more, the next message in them is. */
const MAX_WAITING = 10_000;

const backlogs = new WeakMap<Database, Backlog>();

/**
 * Puts what was said into the index of the search in a while: the words of a message cost more than all the rest of its
 * storing, so no sender waits for them. What is lost with this instance is read by searches without the index, and put
 * into it after the next message of the conversation.
 */
export function indexSoon(platform: Indexer, conversationId: string): void {
  const backlog: Backlog = backlogs.get(platform.db) ?? {
    conversations: new Set(),
    timer: undefined,
  };
  backlogs.set(platform.db, backlog);
  if (backlog.conversations.size >= MAX_WAITING) return;
  backlog.conversations.add(conversationId);
  backlog.timer ??= setTimeout(() => void empty(platform, backlog), PAUSE_MS).unref();
}

async function empty(indexer: Indexer, backlog: Backlog): Promise<void> {
  const { conversations } = backlog;
  const busy: string[] = [];
  try {
    while (conversations.size > 0) {
      const some = [...conversations].slice(0, MAX_TOGETHER);
      for (const each of some) conversations.delete(each);
      const done = await indexer.db.run({ role: "system" }, (tx) => indexMessages(tx, some));
      for (const each of done.unfinished) conversations.add(each);
      busy.push(...done.busy);
    }
  } catch (error) {
    conversations.clear();
    indexer.log.warn("cannot index messages for the search", { error });
  } finally {
    backlog.timer = undefined;
  }
  for (const each of busy) indexSoon(indexer, each);
}

interface Indexed {
  /** Conversations of which more may be left. */
  unfinished: string[];
  /** Those at which somebody else is at this moment. */
  busy: string[];
}

/** Puts the next messages of the conversations into the index. */
async function indexMessages(tx: Transaction, conversationIds: string[]): Promise<Indexed> {
  const held = new Set(await hold(tx, conversationIds, sql`skip locked`));
  // One that is in neither is gone, and nobody waits for it.
  const known = await tx.execute<{ id: string }>(sql`
    select conversation_id as id from app.search_states where conversation_id = any(${list(conversationIds)})`);
  // Of its own, so that it sees what was changed before the rows were locked.
  const moved = await tx.execute<{ id: string; amount: number }>(sql`
    with fresh as materialized (
      select m.* from app.search_states s cross join lateral (
        select * from app.messages m where m.conversation_id = s.conversation_id and m.seq > s.indexed_seq
        order by m.seq limit ${MAX_MESSAGES}
      ) m where s.conversation_id = any(${list([...held])})
    ), added as (
      insert into app.message_words (conversation_id, message_seq, message_id, created_at, words)
      select * from (
        select conversation_id, seq, id, created_at, app.search_terms(conversation_id, body) as words from fresh
        where deleted_at is null offset 0
      ) said where words is not null
    )
    update app.search_states s set indexed_seq = f.seq
    from (select conversation_id, max(seq) as seq, count(*)::integer as amount from fresh group by conversation_id) f
    where s.conversation_id = f.conversation_id returning s.conversation_id as id, f.amount`);
  return {
    unfinished: moved.filter(({ amount }) => amount === MAX_MESSAGES).map(({ id }) => id),
    busy: known.map(({ id }) => id).filter((id) => !held.has(id)),
  };
}

/** Nobody else changes what the index has of these conversations until the commit. @returns those that are held. */
async function hold(tx: Transaction, conversationIds: string[], how = sql``): Promise<string[]> {
  const given = list(conversationIds);
  await tx.execute(sql`
    insert into app.search_states (conversation_id)
    select c.id from app.conversations c where c.id = any(${given}) order by c.id on conflict do nothing`);
  const rows = await tx.execute<{ id: string }>(sql`
    select conversation_id as id from app.search_states where conversation_id = any(${given})
    order by conversation_id for update ${how}`);
  return rows.map(({ id }) => id);
}

/** Ids as one parameter. */
function list(ids: string[]): SQL {
  return sql`array(select jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)::uuid)`;
}

interface Place {
  conversationId: string;
  seq: number;
}

/**
 * Lets the search find what a message says now, and nothing of what it said before. In the transaction that changes the
 * message, behind the change.
 */
export async function indexChange(tx: Transaction, { conversationId, seq }: Place): Promise<void> {
  await tx.execute(sql`select app.index_message(${conversationId}::uuid, ${seq}::bigint)`);
}

/** The same for a message that staff takes out of a conversation in which it is not. */
export async function indexNoMore(tx: Transaction, { conversationId, seq }: Place): Promise<void> {
  await hold(tx, [conversationId]);
  await tx
    .delete(messageWords)
    .where(and(eq(messageWords.conversationId, conversationId), eq(messageWords.messageSeq, seq)));
}
