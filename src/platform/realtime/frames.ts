import { Type } from "@sinclair/typebox/type";

import { AppError, defineError, Internal } from "../errors.ts";
import { judge } from "../problems.ts";
import { type Json, normalizeInput } from "../text.ts";
import { MAX_BATCH, MAX_POSITIONS, MAX_TOKEN_CHARACTERS } from "./limits.ts";
import type { ErrorFrame, Ok } from "./protocol.ts";

export const SUBPROTOCOL = "frm.v1";
/** The only version of the protocol there is. */
export const VERSION = 1;

export const UnknownFrame = defineError("unknown_frame", 400, {
  en: "There is no frame of this type",
  vi: "Không có loại khung này",
});
const MalformedFrame = defineError("malformed_frame", 400, {
  en: "The frame is not valid JSON",
  vi: "Khung không phải JSON hợp lệ",
});

const RequestNumber = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

function position(description: string) {
  return Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description });
}

function positions(description: string) {
  return Type.Record(Type.String({ maxLength: 64 }), position("last position seen"), {
    maxProperties: MAX_POSITIONS,
    description,
  });
}

/** The first frame of every socket. */
export const Hello = Type.Object(
  {
    t: Type.Literal("hello"),
    i: Type.Optional(RequestNumber),
    v: Type.Literal(VERSION, { description: "version of the protocol" }),
    tok: Type.String({
      minLength: 1,
      maxLength: MAX_TOKEN_CHARACTERS,
      description: "a ticket from POST /v1/realtime/ticket, or an access token",
    }),
    dev: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: "name of the device" }),
    ),
    app: Type.Optional(
      Type.String({ minLength: 1, maxLength: 64, description: "name and version of the client" }),
    ),
    since: Type.Optional(position("time of the server in the last frame seen, in milliseconds")),
    u: Type.Optional(position("last position seen among the user's own events")),
    focus: Type.Optional(positions("channels that are on screen, and the last position seen")),
  },
  { additionalProperties: false },
);
export type Hello = typeof Hello.static;

export const Heartbeat = Type.Object(
  {
    t: Type.Literal("hb"),
    i: Type.Optional(RequestNumber),
    p: Type.Optional(positions("channels to compare, and the last position seen")),
  },
  { additionalProperties: false },
);
export type Heartbeat = typeof Heartbeat.static;

/** A newer token of the session that the socket began with, so that it may stay. */
export const Renewal = Type.Object(
  {
    t: Type.Literal("tok"),
    i: Type.Optional(RequestNumber),
    tok: Type.String({
      minLength: 1,
      maxLength: MAX_TOKEN_CHARACTERS,
      description: "a ticket or an access token of the same session, newer than the last one",
    }),
  },
  { additionalProperties: false },
);
export type Renewal = typeof Renewal.static;

const UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";

/** Asks for what was missed in a channel. */
export const Sync = Type.Object(
  {
    t: Type.Literal("sync"),
    i: Type.Optional(RequestNumber),
    ch: Type.String({
      pattern: `^(?:u|c:${UUID})$`,
      description: "a channel with positions; `u` is the user's own",
    }),
    from: position("position behind which events are wanted"),
    lim: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 500,
        description: "most events that may come at once; 200 where it is missing",
      }),
    ),
  },
  { additionalProperties: false },
);
export type Sync = typeof Sync.static;

/** What the platform itself takes from clients; features add their own frames. */
export const CLIENT_FRAMES = { hello: Hello, hb: Heartbeat, tok: Renewal, sync: Sync } as const;

/** One place in a socket's line: a frame, or what was wrong with the text that should have been one. */
export type Waiting = ({ frame: Json } | { error: unknown; frame?: Json }) & {
  /** Whether it came together with others, so that the answers may go together too. */
  isBatched?: boolean;
};

/**
 * Reads a message as the frames in it. What is wrong with one of them does not touch the others; a message that is no
 * batch of a size that we take is wrong as a whole.
 */
export function readMessage(message: string | Buffer): Waiting[] {
  try {
    const value = parse(typeof message === "string" ? message : "");
    if (!Array.isArray(value)) return [readFrame(value)];
    if (value.length === 0 || value.length > MAX_BATCH)
      throw new AppError(MalformedFrame, "Cannot read a batch: its size is out of bounds");
    return value.map((frame) => ({ ...readFrame(frame), isBatched: true }));
  } catch (error) {
    return [{ error }];
  }
}

function readFrame(frame: Json): Waiting {
  try {
    return { frame: normalizeInput(frame) };
  } catch (error) {
    return { error, frame };
  }
}

function parse(message: string): Json {
  try {
    return JSON.parse(message) as Json;
  } catch (error) {
    throw new AppError(MalformedFrame, "Cannot read a frame", { cause: error });
  }
}

/** The `err` reply to a frame; `m` is the problem's code and nothing of the frame is repeated but its number. */
export function errorFrame(thrown: unknown, frame: object | Json | undefined): ErrorFrame {
  const { kind, error } = judge(thrown);
  const afterMs = error.extras.afterMs ?? secondsOf(error.extras.headers) * 1_000;
  return {
    t: "err",
    ...numberOf(frame),
    c: kind.status * 10,
    m: kind.code,
    retry: kind.status === 429 || (kind.status >= 500 && kind !== Internal),
    ...(afterMs > 0 ? { after: afterMs } : {}),
  };
}

function secondsOf(headers: Record<string, string> = {}): number {
  const seconds = Number(headers["retry-after"] ?? 0);
  return Number.isSafeInteger(seconds) ? seconds : 0;
}

/** The reply to a frame that has a number and that nothing else is to be said about. */
export function okFrame(frame: Json): Ok | undefined {
  const { i } = numberOf(frame);
  return i === undefined ? undefined : { t: "ok", i };
}

function numberOf(frame: object | Json | undefined): { i?: number } {
  if (typeof frame !== "object" || frame === null || !("i" in frame)) return {};
  return Number.isSafeInteger(frame.i) ? { i: frame.i as number } : {};
}
