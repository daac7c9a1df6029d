import type { ChannelEvent } from "../../../platform/realtime/source.ts";
import type { Message } from "../schema.ts";

/** The realtime channel of a conversation. */
export function channelOf(conversationId: string): string {
  return `c:${conversationId.toLowerCase()}`;
}

/** The conversation behind a realtime channel. */
export function conversationOf(channel: string): string {
  return channel.slice(2);
}

/** What an `ev` frame tells, whatever its kind. */
interface EventBody {
  seq: number;
  kind: string;
  data: unknown;
  createdAt: Date;
  clientId?: string;
}

export function eventFrame(conversationId: string, event: EventBody): string {
  return JSON.stringify({
    t: "ev",
    ch: channelOf(conversationId),
    seq: event.seq,
    k: event.kind,
    d: event.data,
    ...(event.clientId === undefined ? {} : { cid: event.clientId }),
    ts: event.createdAt.getTime(),
  });
}

export function messageEvent(conversationId: string, message: Message): ChannelEvent {
  const frame = eventFrame(conversationId, {
    seq: message.seq,
    kind: "msg.new",
    data: message,
    createdAt: new Date(message.createdAt),
    clientId: message.clientId,
  });
  return { seq: message.seq, frame };
}

/** Somebody came into or left a group. */
export interface MemberChange {
  op: "add" | "remove";
  userId: string;
}

export function memberEvent(
  conversationId: string,
  event: { seq: number; change: MemberChange; createdAt: Date },
): ChannelEvent {
  const { seq, change, createdAt } = event;
  const frame = eventFrame(conversationId, { seq, kind: "member", data: change, createdAt });
  return change.op === "remove" ? { seq, leaver: change.userId, frame } : { seq, frame };
}
