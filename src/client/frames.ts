import type {
  Ack,
  AwayFrame,
  ExpiringFrame,
  HeartbeatOk,
  HelloOk,
  RefusalFrame,
  RenewalOk,
  TopicsEnded,
  TopicsFollowed,
} from "./contract.ts";

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

/** The server has done what the request of this number asked for. */
export interface OkFrame {
  t: "ok";
  i?: number;
}

/** Something of the moment, without a position: it may be lost. */
export type EphemeralFrame = { t: "eph"; ch: string } & (
  | { k: "typ"; u: string; on: boolean }
  | { k: "pres"; u: string; status: string; at?: number | null }
  | { k: "read"; u: string; seq: number }
);

/** What a topic holds now. */
export interface TopicFrame {
  t: "top";
  ch: string;
  d: unknown;
  ts: number;
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
  | AwayFrame
  | OkFrame
  | EphemeralFrame
  | TopicsFollowed
  | TopicsEnded
  | TopicFrame;

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
  switch (t) {
    case "ev":
      return typeof ch === "string" && Number.isSafeInteger(seq);
    case "eph":
    case "top":
      return typeof ch === "string";
    case "sub.ok":
      return typeof ch === "object" && ch !== null;
    case "sub.end":
      return Array.isArray(ch);
    default:
      return typeof t === "string";
  }
}

export function channelOf(conversationId: string): string {
  return `c:${conversationId.toLowerCase()}`;
}

export function conversationOf(channel: string): string {
  return channel.slice(2);
}
