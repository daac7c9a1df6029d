import type { ChatEventData } from "../schema/events.ts";
import type { Message } from "../schema/messages.ts";
import type { messages } from "../tables/messages.ts";

type Row = typeof messages.$inferSelect;

/** A message's row as everybody sees it, who may see it: what does not apply is missing. */
export function toMessage(row: Row): Message {
  const { id, seq, clientId, senderId, body } = row;
  const createdAt = row.createdAt.toISOString();
  return {
    id,
    seq,
    clientId,
    senderId,
    body,
    createdAt,
    ...placeOf(row),
    ...lifeOf(row),
    ...namesOf(row),
  };
}

function placeOf({ replySeq, threadSeq }: Row): Partial<Message> {
  return {
    ...(replySeq === null ? {} : { replySeq }),
    ...(threadSeq === null ? {} : { threadSeq }),
  };
}

function lifeOf({ rev, editedAt, deletedAt }: Row): Partial<Message> {
  return {
    ...(rev === 0 ? {} : { rev }),
    ...(editedAt === null ? {} : { editedAt: editedAt.toISOString() }),
    ...(deletedAt === null ? {} : { deletedAt: deletedAt.toISOString() }),
  };
}

function namesOf({ mentions, mentionsAll, tickers, attachments }: Row): Partial<Message> {
  return {
    ...(mentions?.length ? { mentions } : {}),
    ...(mentionsAll ? { mentionsAll: true as const } : {}),
    ...(tickers?.length ? { tickers } : {}),
    ...(attachments?.length ? { attachments } : {}),
  };
}

/** A row that Postgres has made JSON of, with the names of its columns. */
export function readMessageRow(json: Record<string, unknown>): Row {
  const named = Object.entries(json).map(([column, value]) => [
    column.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
    TIMES.has(column) && typeof value === "string" ? new Date(value) : value,
  ]);
  return Object.fromEntries(named) as Row;
}

const TIMES = new Set(["created_at", "edited_at", "deleted_at"]);

/** What a changed message is now, as its change tells it. */
export function editOf(
  message: Message,
): Omit<ChatEventData<"msg.edit">, "messageId" | "messageSeq" | "actorId"> {
  return {
    body: message.body,
    rev: message.rev ?? 0,
    editedAt: message.editedAt ?? message.createdAt,
    mentions: message.mentions ?? [],
    mentionsAll: message.mentionsAll ?? false,
    tickers: message.tickers ?? [],
  };
}
