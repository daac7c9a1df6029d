import type { TSchema } from "@sinclair/typebox";
import { type TypeCheck, TypeCompiler } from "@sinclair/typebox/compiler";

import { AppError, ValidationFailed } from "../errors.ts";
import type { Json } from "../text.ts";
import type { Connection } from "./connection.ts";
import { errorFrame, UnknownFrame } from "./frames.ts";

/** What a feature does with one type of frame. */
export interface FrameHandler<S extends TSchema = TSchema> {
  schema: S;
  /** Neighbours in a socket's line with the same key are handled together; without it, each frame alone. */
  key?: (frame: S["static"]) => string;
  /** Answers the replies to the frames, in their order. What it throws refuses all of them. */
  handle: (frames: S["static"][], connection: Connection) => Promise<(object | undefined)[]>;
}

/** Ties a handler to its schema, so that the frame it gets is typed by it. */
export function onFrame<S extends TSchema>(
  schema: S,
  handle: (frame: S["static"], connection: Connection) => Promise<object | undefined>,
): FrameHandler {
  return {
    schema,
    handle: async (frames, connection) => {
      const replies: (object | undefined)[] = [];
      for (const frame of frames) replies.push(await handle(frame as S["static"], connection));
      return replies;
    },
  };
}

/** The same for a handler that does for many frames at once what it does for one. */
export function onFrames<S extends TSchema>(handler: FrameHandler<S>): FrameHandler {
  return handler as unknown as FrameHandler;
}

export type FrameHandlers = Record<string, FrameHandler>;

/** One place in a socket's line: a frame, or what was wrong with the text that should have been one. */
export type Waiting = { frame: Json } | { error: unknown };

export interface DispatchContext {
  connection: Connection;
  /** Sends the replies to some frames in one write. */
  reply: (frames: object[]) => void;
  /** What comes behind the end of a socket is dropped. */
  isOpen: () => boolean;
  onError: (error: unknown) => void;
}

/** Handles a line of frames in its order. */
export type Dispatch = (line: Waiting[], context: DispatchContext) => Promise<void>;

/** Frames that are handled as one: enough to make the cost of a transaction small beside them. */
const MAX_GROUP = 128;

interface Entry {
  check: TypeCheck<TSchema>;
  handler: FrameHandler;
}

interface Group {
  frames: Json[];
  entry?: Entry;
  error?: unknown;
}

/** Checks each frame against its type's schema and calls its handler. */
export function createDispatch(handlers: FrameHandlers): Dispatch {
  const table = new Map<string, Entry>(
    Object.entries(handlers).map(([type, handler]) => [
      type,
      { check: TypeCompiler.Compile(handler.schema), handler },
    ]),
  );

  function find(frame: Json): Entry {
    const entry = table.get(typeOf(frame) ?? "");
    if (!entry) throw new AppError(UnknownFrame, "Cannot handle a frame of an unknown type");
    if (!entry.check.Check(frame)) throw new AppError(ValidationFailed, "Cannot take a frame");
    return entry;
  }
  return async (line, context) => {
    for (const group of groupsOf(line, find)) {
      if (!context.isOpen()) return;
      context.reply(await answer(group, context));
    }
  };
}

async function answer(group: Group, context: DispatchContext): Promise<object[]> {
  const { entry, frames } = group;
  try {
    if (!entry) throw group.error;
    const replies = await entry.handler.handle(frames, context.connection);
    return replies.filter((reply) => reply !== undefined);
  } catch (error) {
    context.onError(error);
    return frames.length === 0
      ? [errorFrame(error, undefined)]
      : frames.map((frame) => errorFrame(error, frame));
  }
}

function groupsOf(line: Waiting[], find: (frame: Json) => Entry): Group[] {
  const groups: Group[] = [];
  let lastKey: string | undefined;
  for (const waiting of line) {
    const { group, key } = place(waiting, find);
    const last = groups.at(-1);
    const joins = key !== undefined && key === lastKey && last?.entry === group.entry;
    if (joins && last && last.frames.length < MAX_GROUP) last.frames.push(...group.frames);
    else groups.push(group);
    lastKey = key;
  }
  return groups;
}

function place(
  waiting: Waiting,
  find: (frame: Json) => Entry,
): { group: Group; key: string | undefined } {
  if ("error" in waiting) return { group: { frames: [], error: waiting.error }, key: undefined };
  const { frame } = waiting;
  try {
    const entry = find(frame);
    return { group: { frames: [frame], entry }, key: entry.handler.key?.(frame) };
  } catch (error) {
    return { group: { frames: [frame], error }, key: undefined };
  }
}

function typeOf(frame: Json): string | undefined {
  return typeof frame === "object" &&
    frame !== null &&
    !Array.isArray(frame) &&
    typeof frame["t"] === "string"
    ? frame["t"]
    : undefined;
}
