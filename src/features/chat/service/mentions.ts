import { and, desc, eq, gt, inArray, isNull } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { listReachable } from "../../blocks/mod.ts";
import { MAX_MENTIONS } from "../schema/messages.ts";
import { Permission } from "../schema/permissions.ts";
import { conversationMembers } from "../tables/conversations.ts";
import { messageMentions } from "../tables/marks.ts";
import { messages } from "../tables/messages.ts";

/** Whom a text names: members by `<@`, their id and `>`, everybody by `<@all>`. */
export interface Named {
  /** Each once, in the order in which they stand there. */
  userIds: string[];
  all: boolean;
}

const TOKEN = /<@(all|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})>/gi;
/** Everybody is named at most once in this time; meanwhile `<@all>` is text like any other. */
const ALL_INTERVAL_MS = 600_000;

/** The id stands in the text itself, so that a name that changes later is shown as it is then. */
export function findMentions(body: string): Named {
  // Most messages name nobody, and this is done for each of them.
  if (!body.includes("<@")) return { userIds: [], all: false };
  const names = new Set([...body.matchAll(TOKEN)].map(([, name = ""]) => name.toLowerCase()));
  const all = names.delete("all");
  return { userIds: [...names].slice(0, MAX_MENTIONS), all };
}

/** Those of the named who are members, and everybody where the author may name them now. */
export async function admitMentions(
  tx: Transaction,
  named: Named,
  { conversationId, permissions, now }: { conversationId: string; permissions: number; now: Date },
): Promise<Named> {
  const userIds = named.userIds.length === 0 ? [] : await listMembers(tx, conversationId, named);
  const mayNameAll = (permissions & Permission.mentionAll) !== 0;
  const all = named.all && mayNameAll && !(await wasAllNamed(tx, conversationId, now));
  return { userIds, all };
}

async function listMembers(
  tx: Transaction,
  conversationId: string,
  { userIds }: Named,
): Promise<string[]> {
  const rows = await tx
    .select({ userId: conversationMembers.userId })
    .from(conversationMembers)
    .where(
      and(
        eq(conversationMembers.conversationId, conversationId),
        inArray(conversationMembers.userId, userIds),
        isNull(conversationMembers.leftSeq),
      ),
    );
  const members = new Set(rows.map(({ userId }) => userId));
  return userIds.filter((userId) => members.has(userId));
}

async function wasAllNamed(tx: Transaction, conversationId: string, now: Date): Promise<boolean> {
  const [last] = await tx
    .select({ seq: messages.seq })
    .from(messages)
    .where(
      and(
        eq(messages.conversationId, conversationId),
        eq(messages.mentionsAll, true),
        gt(messages.createdAt, new Date(now.getTime() - ALL_INTERVAL_MS)),
      ),
    )
    .orderBy(desc(messages.seq))
    .limit(1);
  return last !== undefined;
}

/**
 * Puts the mentions of a message in the place of those that it had. The message names whom its author has named; of two
 * of whom one has blocked the other, neither hears of it.
 */
export async function replaceMentions(
  tx: Transaction,
  { conversationId, seq, userIds }: { conversationId: string; seq: number; userIds: string[] },
): Promise<void> {
  const ofMessage = and(
    eq(messageMentions.conversationId, conversationId),
    eq(messageMentions.messageSeq, seq),
  );
  await tx.delete(messageMentions).where(ofMessage);
  const reached = await listReachable(tx, userIds);
  if (reached.length === 0) return;
  const rows = reached.map((userId) => ({ conversationId, userId, messageSeq: seq }));
  await tx.insert(messageMentions).values(rows);
}
