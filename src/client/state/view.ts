import type { Command } from "../commands.ts";
import type { Message } from "../contract.ts";
import type { ChatState, OutboxItem } from "./chat_state.ts";

/** A message as it is shown: what its reader has done themselves shows at once. */
export interface ShownMessage extends Omit<Message, "seq" | "id"> {
  /** None while only this client knows of it. */
  id?: string;
  seq?: number;
  /** Whether it comes from somebody whom the reader has blocked. */
  isHidden?: true;
  /** How the outbox stands with it: undefined once the server has confirmed all of it. */
  pending?: "waiting" | "refused";
}

/** The messages of a conversation, the oldest first, and those that are on their way behind them. */
export function messagesOf(state: ChatState, conversationId: string): readonly ShownMessage[] {
  const stored = unblocked(state, state.conversations[conversationId]?.window?.messages ?? []);
  const own = state.outbox.filter(({ entry }) => entry.conversationId === conversationId);
  // Without anything on its way the list is the one of the state, so that nothing is drawn anew.
  if (own.length === 0) return stored;
  const shown = stored.map((message) => withOwn(message, own));
  return [...shown, ...own.flatMap((item) => newOf(item, state.userId))];
}

/** The same list where nobody in it was blocked. */
function unblocked({ blocked }: ChatState, messages: readonly Message[]): readonly ShownMessage[] {
  if (!messages.some(({ senderId }) => blocked.includes(senderId))) return messages;
  return messages.map((message) =>
    blocked.includes(message.senderId) ? { ...message, isHidden: true as const } : message,
  );
}

/** Who is typing in a conversation at a time, in milliseconds since 1970. */
export function typingIn(state: ChatState, conversationId: string, now: number): string[] {
  const typing = state.conversations[conversationId]?.typing ?? {};
  return Object.entries(typing).flatMap(([userId, until]) => (until > now ? [userId] : []));
}

/** Who has read a message, of those who let it be seen. */
export function readersOf(state: ChatState, conversationId: string, seq: number): string[] {
  const readBy = state.conversations[conversationId]?.readBy ?? {};
  return Object.entries(readBy).flatMap(([userId, to]) => (to >= seq ? [userId] : []));
}

/** A message that the server has not told of yet. */
function newOf({ entry, status }: OutboxItem, me: string): ShownMessage[] {
  const { command, writtenAt } = entry;
  if (command.t !== "send") return [];
  const { cid, body, re, th } = command;
  return [
    {
      clientId: cid,
      senderId: me,
      body,
      createdAt: new Date(writtenAt).toISOString(),
      ...(re === undefined ? {} : { replySeq: re }),
      ...(th === undefined ? {} : { threadSeq: th }),
      ...(status === "done" ? {} : { pending: status }),
    },
  ];
}

/** A message with what the reader has done to it and the server has not confirmed. */
function withOwn(message: ShownMessage, own: readonly OutboxItem[]): ShownMessage {
  let shown: ShownMessage = message;
  for (const { entry, status } of own) {
    const { command } = entry;
    if (!("msg" in command) || command.msg !== message.seq || status === "refused") continue;
    shown = { ...change(shown, command), pending: "waiting" };
  }
  return shown;
}

function change(message: ShownMessage, command: Command): ShownMessage {
  if (command.t === "edit") return { ...message, body: command.body };
  if (command.t === "del")
    return { ...message, body: "", deletedAt: message.deletedAt ?? message.createdAt };
  return command.t === "react" ? react(message, command) : message;
}

function react(message: ShownMessage, { e: emoji, on }: Command & { t: "react" }): ShownMessage {
  const { reactions = [] } = message;
  const known = reactions.find((reaction) => reaction.emoji === emoji);
  if ((known?.mine ?? false) === on) return message;
  const count = (known?.count ?? 0) + (on ? 1 : -1);
  const others = reactions.filter((reaction) => reaction.emoji !== emoji);
  const place = known ? reactions.indexOf(known) : others.length;
  const now = { emoji, count, mine: on };
  return { ...message, reactions: count > 0 ? others.toSpliced(place, 0, now) : others };
}
