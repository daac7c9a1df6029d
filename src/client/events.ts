import type { ChatEventData, UserEventData } from "./contract.ts";
import { conversationOf, type EphemeralFrame, type EventFrame } from "./frames.ts";

/** What every event tells, whatever has happened. */
interface EventOf<Kind extends string, Data> {
  /** `c:` and the id of the conversation. */
  channel: string;
  conversationId: string;
  /** Counts from 1 without gaps. */
  seq: number;
  /** The server's time, in milliseconds since 1970. */
  at: number;
  kind: Kind;
  data: Data;
}

/** Something that happened in a conversation. */
export type ChatEvent = {
  [Kind in keyof ChatEventData]: EventOf<Kind, ChatEventData[Kind]>;
}[keyof ChatEventData];

/** Something that happened to this user alone. */
export type UserEvent =
  | {
      [Kind in keyof UserEventData]: {
        seq: number;
        at: number;
        kind: Kind;
        data: UserEventData[Kind];
      };
    }[keyof UserEventData]
  /** What other parts of the product tell: notifications, the progress of work. */
  | { seq: number; at: number; kind: "notif" | "job"; data: unknown };

/** Something of the moment: who types, who is there, who has read how far. It may be lost. */
export type Ephemeral = { channel: string; conversationId: string; userId: string } & (
  | { kind: "typing"; on: boolean }
  | { kind: "presence"; status: string; at: number | null }
  | { kind: "read"; seq: number }
);

/** The channel of a user's own stream. */
export const OWN_CHANNEL = "u";

/** A kind that a later server invents passes by an older client. */
const CHAT_KINDS: Record<ChatEvent["kind"], true> = {
  conv: true,
  member: true,
  role: true,
  "msg.new": true,
  "msg.edit": true,
  "msg.del": true,
  react: true,
  pin: true,
};
const USER_KINDS: Record<UserEvent["kind"], true> = {
  "conv.add": true,
  "conv.rm": true,
  "read.self": true,
  setting: true,
  block: true,
  presence: true,
  "report.resolved": true,
  "moderation.warning": true,
  notif: true,
  job: true,
};

/** The event in a frame; undefined for a kind that this client does not know. */
export function toEvent({ ch: channel, seq, k: kind, d: data, ts: at = 0 }: EventFrame) {
  if (!Object.hasOwn(CHAT_KINDS, kind)) return undefined;
  const conversationId = conversationOf(channel);
  return { channel, conversationId, seq, at, kind, data } as ChatEvent;
}

export function toUserEvent({ seq, k: kind, d: data, ts: at = 0 }: EventFrame) {
  if (!Object.hasOwn(USER_KINDS, kind)) return undefined;
  return { seq, at, kind, data } as UserEvent;
}

export function toEphemeral(frame: EphemeralFrame): Ephemeral | undefined {
  const { ch: channel, u: userId } = frame;
  const place = { channel, conversationId: conversationOf(channel), userId };
  switch (frame.k) {
    case "typ":
      return { ...place, kind: "typing", on: frame.on };
    case "pres":
      return { ...place, kind: "presence", status: frame.status, at: frame.at ?? null };
    case "read":
      return { ...place, kind: "read", seq: frame.seq };
    default:
      return undefined;
  }
}
