import type { ChannelEvent } from "../../../platform/realtime/source.ts";
import type { ChatEventData, ChatEventKind } from "../schema/events.ts";
import type { Message } from "../schema/messages.ts";

/** The realtime channel of a conversation. */
export function channelOf(conversationId: string): string {
  return `c:${conversationId.toLowerCase()}`;
}

/** The conversation behind a realtime channel. */
export function conversationOf(channel: string): string {
  return channel.slice(2).toLowerCase();
}

/** What an `ev` frame of a conversation tells. */
export interface ChatEvent<Kind extends ChatEventKind = ChatEventKind> {
  seq: number;
  kind: Kind;
  data: ChatEventData<Kind>;
  createdAt: Date;
  clientId?: string;
}

/**
 * The event as it goes over the bus; one that takes a member out says whom, and one that takes back what a message said
 * says which.
 */
export function chatEvent(conversationId: string, event: ChatEvent): ChannelEvent {
  const { seq, kind, data, createdAt, clientId } = event;
  const frame = JSON.stringify({
    t: "ev",
    ch: channelOf(conversationId),
    seq,
    k: kind,
    d: data,
    ...(clientId === undefined ? {} : { cid: clientId }),
    ts: createdAt.getTime(),
  });
  if (kind === "msg.edit" || kind === "msg.del")
    return { seq, erases: (data as ChatEventData<"msg.edit" | "msg.del">).messageSeq, frame };
  if (kind !== "member") return { seq, frame };
  const { op, userId } = data as ChatEventData<"member">;
  return op === "remove" ? { seq, leaver: userId, frame } : { seq, frame };
}

/**
 * The frame of a change as those are told who may not see the message: that there was one, and nothing of what it says.
 */
export function concealEdit(frame: string): string {
  const event = JSON.parse(frame) as { k: string; d: ChatEventData<"msg.edit"> };
  if (event.k !== "msg.edit") return frame;
  const d = { ...event.d, body: "", mentions: [], mentionsAll: false, tickers: [] };
  return JSON.stringify({ ...event, d });
}

export function messageEvent(conversationId: string, message: Message): ChannelEvent {
  return chatEvent(conversationId, {
    seq: message.seq,
    kind: "msg.new",
    data: message,
    createdAt: new Date(message.createdAt),
    clientId: message.clientId,
  });
}
