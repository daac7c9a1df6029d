import { Type } from "@sinclair/typebox/type";

import type { Bus, BusMessage } from "./bus.ts";
import { type Connection, ephemeralTopic } from "./connection.ts";
import { type FrameHandlers, onFrame } from "./dispatch.ts";
import { okFrame } from "./frames.ts";
import type { Hub } from "./hub.ts";
import { MAX_FOCUS } from "./limits.ts";
import type { SocketPart } from "./part.ts";
import { encodeNote } from "./source.ts";

/** Knows which channels each socket looks at, and brings it what is told there of the moment. */
export interface Ephemeral extends SocketPart {
  handlers: FrameHandlers;
}

const RequestNumber = Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));

/** What a client sends about where its user looks. */
export const EPHEMERAL_FRAMES = {
  focus: Type.Object(
    {
      t: Type.Literal("focus"),
      i: RequestNumber,
      ch: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
        maxItems: MAX_FOCUS,
        description: "all channels that are on screen from now on",
      }),
    },
    { additionalProperties: false },
  ),
};

const CLOSED = { additionalProperties: false };
const UserId = Type.String({ format: "uuid" });

/** What an `eph` may tell, by its `k`. */
export const EPHEMERAL_KINDS = {
  typ: {
    meaning: "a member is writing, for 6 s unless another word comes, or has stopped",
    data: Type.Object({ u: UserId, on: Type.Boolean() }, CLOSED),
  },
  read: {
    meaning: "a member has read up to a position, in conversations of two and small groups",
    data: Type.Object({ u: UserId, seq: Type.Integer({ minimum: 0 }) }, CLOSED),
  },
  pres: {
    meaning:
      "a member came or went; `at` is when they were last seen, in milliseconds since 1970, where that may be known",
    data: Type.Object(
      {
        u: UserId,
        status: Type.Union([Type.Literal("online"), Type.Literal("away"), Type.Literal("offline")]),
        at: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
      },
      CLOSED,
    ),
  },
} as const;

/** What the server says of the moment. */
export const EPHEMERAL_REPLIES = {
  eph: Type.Object({
    t: Type.Literal("eph"),
    ch: Type.String({ description: "channel" }),
    k: Type.String({ description: "kind, which says what other fields there are" }),
    u: Type.String({ format: "uuid", description: "the user whom it is about" }),
  }),
};

/** A note of a kind, as features write it. */
export type EphemeralNote = {
  [Kind in keyof typeof EPHEMERAL_KINDS]: {
    k: Kind;
  } & (typeof EPHEMERAL_KINDS)[Kind]["data"]["static"];
}[keyof typeof EPHEMERAL_KINDS];

export interface EphemeralPublisher {
  /** Tells the sockets that look at the channel, on whichever instance. Neither waits nor throws. */
  publish(channel: string, note: EphemeralNote): void;
}

export function createEphemeralPublisher(options: {
  bus: Pick<Bus, "publish" | "isReady">;
  /** Hands a message to this node's own hub. */
  deliver: (message: BusMessage) => void;
}): EphemeralPublisher {
  return {
    publish: (channel, told) => {
      const frame = JSON.stringify({ t: "eph", ch: channel, ...told });
      const message = { channel, text: encodeNote(frame) };
      // Without a bus at least those on this node are told.
      if (!options.bus.isReady()) return options.deliver(message);
      options.bus.publish([message]).catch(() => undefined);
    },
  };
}

export interface EphemeralOptions {
  hub: Pick<Hub, "onNote" | "onEnter" | "positionOf">;
  /** Sends to every local socket in the topic. */
  publish: (topic: string, frame: string) => void;
}

export function createEphemeral({ hub, publish }: EphemeralOptions): Ephemeral {
  const focused = new Map<Connection, Set<string>>();

  function look(connection: Connection, channels: string[]): void {
    const before = focused.get(connection);
    const now = new Set(channels.slice(0, MAX_FOCUS));
    for (const channel of before ?? []) if (!now.has(channel)) connection.unwatch(channel);
    for (const channel of now)
      if (!before?.has(channel) && hub.positionOf(connection, channel) !== undefined)
        connection.watch(channel);
    if (now.size > 0) focused.set(connection, now);
    else focused.delete(connection);
  }
  hub.onNote((channel, frame) => publish(ephemeralTopic(channel), frame));
  // A conversation may be on screen before the word has come that its user is in it.
  hub.onEnter((connection, channel) => {
    if (focused.get(connection)?.has(channel)) connection.watch(channel);
  });
  return {
    handlers: {
      focus: onFrame(EPHEMERAL_FRAMES.focus, async (frame, connection) => {
        look(connection, frame.ch);
        return okFrame(frame);
      }),
    },
    attach: (connection, { focus }) => look(connection, Object.keys(focus ?? {})),
    detach: (connection) => void focused.delete(connection),
  };
}
