import type {
  AwayFrame,
  ExpiringFrame,
  HeartbeatOk,
  HelloOk,
  Message,
  RefusalFrame,
  RenewalOk,
} from "./contract.ts";

export interface Ack {
  t: "ack";
  i?: number;
  cid: string;
  msg: string;
  seq: number;
}

export interface EventFrame {
  t: "ev";
  ch: string;
  seq: number;
  k: string;
  d: unknown;
  ts?: number;
}

export interface SyncOk {
  t: "sync.ok";
  i?: number;
  to?: number;
  ev?: EventFrame[];
  more?: boolean;
  /** The events are no longer to be had one by one. */
  reset?: boolean;
}

/** A refusal; a later server may say how many milliseconds to wait before another attempt. */
export type ErrorFrame = RefusalFrame & { after?: number };

/** Frames that the server sends, as far as this client uses them; all others are passed over. */
export type ServerFrame =
  | HelloOk
  | Ack
  | EventFrame
  | SyncOk
  | HeartbeatOk
  | RenewalOk
  | ExpiringFrame
  | ErrorFrame
  | AwayFrame;

interface EventOf<Kind extends string, Data> {
  /** `c:` and the id of the conversation. */
  channel: string;
  conversationId: string;
  /** Counts from 1 without gaps. */
  seq: number;
  kind: Kind;
  data: Data;
}

/** Something that happened in a conversation. */
export type ChatEvent =
  | EventOf<"conv", { op: string; kind: "direct" | "group"; name: string | null }>
  | EventOf<"member", { op: "add" | "remove"; userId: string }>
  | EventOf<"msg.new", Message>;

/** A kind that a later server invents passes by an older client. */
const KINDS: Record<ChatEvent["kind"], true> = { conv: true, member: true, "msg.new": true };

/** Reads one text of the socket, which holds a frame or a batch of them; what cannot be read is no frame. */
export function readFrames(data: unknown): ServerFrame[] {
  if (typeof data !== "string") return [];
  try {
    const value = JSON.parse(data) as unknown;
    return (Array.isArray(value) ? value : [value]).filter(isFrame);
  } catch {
    return [];
  }
}

function isFrame(value: unknown): value is ServerFrame {
  if (typeof value !== "object" || value === null) return false;
  const { t, ch, seq } = value as { t?: unknown; ch?: unknown; seq?: unknown };
  return t === "ev" ? typeof ch === "string" && Number.isSafeInteger(seq) : typeof t === "string";
}

/** The event in a frame; undefined for a kind that this client does not know. */
export function toEvent(frame: EventFrame): ChatEvent | undefined {
  if (!Object.hasOwn(KINDS, frame.k)) return undefined;
  const { ch: channel, seq, k: kind, d: data } = frame;
  return { channel, conversationId: conversationOf(channel), seq, kind, data } as ChatEvent;
}

export function channelOf(conversationId: string): string {
  return `c:${conversationId.toLowerCase()}`;
}

export function conversationOf(channel: string): string {
  return channel.slice(2);
}
