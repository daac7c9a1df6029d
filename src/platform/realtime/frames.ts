import { TypeCompiler } from "@sinclair/typebox/compiler";
import { Type } from "@sinclair/typebox/type";

import { AppError, defineError, Internal } from "../errors.ts";
import { judge } from "../problems.ts";
import { type Json, normalizeInput } from "../text.ts";
import type { ErrorFrame } from "./protocol.ts";

export const SUBPROTOCOL = "frm.v1";
/** Largest frame that a client may send; Bun closes with 1009 beyond it. */
export const MAX_FRAME_BYTES = 65_536;
export const MAX_BATCH = 64;
const MAX_POSITIONS = 500;
const MAX_TOKEN_LENGTH = 2_048;

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
    v: Type.Literal(1, { description: "version of the protocol" }),
    tok: Type.String({
      minLength: 1,
      maxLength: MAX_TOKEN_LENGTH,
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
      maxLength: MAX_TOKEN_LENGTH,
      description: "a ticket or an access token of the same session, newer than the last one",
    }),
  },
  { additionalProperties: false },
);
export type Renewal = typeof Renewal.static;

/** Reads a message as the frames in it. @throws AppError malformed_frame, UnfitText for unfit strings. */
export function readFrames(message: string): Json[] {
  const value = normalizeInput(parse(message));
  const frames = Array.isArray(value) ? value : [value];
  if (frames.length === 0 || frames.length > MAX_BATCH)
    throw new AppError(MalformedFrame, "Cannot read a batch: its size is out of bounds");
  return frames;
}

function parse(message: string): Json {
  try {
    return JSON.parse(message) as Json;
  } catch (error) {
    throw new AppError(MalformedFrame, "Cannot read a frame", { cause: error });
  }
}

const checkHello = TypeCompiler.Compile(Hello);

/** The frame as a hello, or undefined when it is none. */
export function asHello(frame: Json | undefined): Hello | undefined {
  return checkHello.Check(frame) ? frame : undefined;
}

/** The `err` reply to a frame; `m` is the problem's code and nothing of the frame is repeated. */
export function errorFrame(thrown: unknown, frame: Json | undefined): ErrorFrame {
  const { kind } = judge(thrown);
  const number =
    typeof frame === "object" && frame !== null && !Array.isArray(frame) ? frame["i"] : undefined;
  return {
    t: "err",
    ...(isRequestNumber(number) ? { i: number } : {}),
    c: kind.status * 10,
    m: kind.code,
    retry: kind.status === 429 || (kind.status >= 500 && kind !== Internal),
  };
}

function isRequestNumber(value: Json | undefined): value is number {
  return Number.isSafeInteger(value);
}
