import type { TSchema } from "@sinclair/typebox";
import { type TypeCheck, TypeCompiler } from "@sinclair/typebox/compiler";

import { AppError, ValidationFailed } from "../errors.ts";
import type { Json } from "../text.ts";
import type { Connection } from "./connection.ts";
import { errorFrame, okFrame, UnknownFrame, type Waiting } from "./frames.ts";

/** What a feature does with one type of frame. */
export interface FrameHandler<S extends TSchema = TSchema> {
  schema: S;
  /** Neighbours in a socket's line with the same key are handled together; without it, each frame alone. */
  key?: (frame: S["static"]) => string;
  /** Whether it asks nobody else, so that its answers need not be hurried. */
  isInstant?: boolean;
  /**
   * Answers the replies to the frames, in their order; a frame with a number and no reply is answered by `ok`. What it
   * throws refuses all of them.
   */
  handle: (frames: S["static"][], connection: Connection) => Promise<(Reply | undefined)[]>;
}

/** A frame, or the text of one that holds frames which are JSON already. */
export type Reply = object | string;

/** Ties a handler to its schema, so that the frame it gets is typed by it. */
export function onFrame<S extends TSchema>(
  schema: S,
  handle: (frame: S["static"], connection: Connection) => Promise<Reply | undefined>,
): FrameHandler {
  return {
    schema,
    handle: async (frames, connection) => {
      const replies: (Reply | undefined)[] = [];
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

export interface DispatchContext {
  connection: Connection;
  /** Sends some replies in one write; those to a batch may go as one text. */
  reply: (frames: Reply[], options: { isBatch: boolean }) => void;
  /** What comes behind the end of a socket is dropped. */
  isOpen: () => boolean;
  /** What to wait for before more is handled, if anything. */
  room?: () => Promise<void> | undefined;
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
  /** Whether each of its frames came in a batch. */
  isBatched: boolean;
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
    let pending: Reply[] = [];
    const flush = () => {
      if (pending.length > 0) context.reply(pending, { isBatch: true });
      pending = [];
    };
    for (const group of groupsOf(line, find)) {
      const room = context.room?.();
      if (room) {
        flush();
        await room;
      }
      if (!context.isOpen()) return;
      // Still in the turn in which they were made: a reply precedes the events that follow from it.
      if (group.entry && group.entry.handler.isInstant !== true) flush();
      const replies = await answer(group, context);
      pending.push(...replies);
      if (group.isBatched) continue;
      context.reply(pending, { isBatch: false });
      pending = [];
    }
    flush();
  };
}

async function answer(group: Group, context: DispatchContext): Promise<Reply[]> {
  const { entry, frames } = group;
  try {
    if (!entry) throw group.error;
    const replies = await entry.handler.handle(frames, context.connection);
    return frames.flatMap((frame, at) => replies[at] ?? okFrame(frame) ?? []);
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
    if (joins && last && last.frames.length < MAX_GROUP) {
      last.frames.push(...group.frames);
      last.isBatched &&= group.isBatched;
    } else groups.push(group);
    lastKey = key;
  }
  return groups;
}

function place(
  waiting: Waiting,
  find: (frame: Json) => Entry,
): { group: Group; key: string | undefined } {
  const { isBatched = false, frame } = waiting;
  const frames = frame === undefined ? [] : [frame];
  try {
    if ("error" in waiting) throw waiting.error;
    const entry = find(waiting.frame);
    return { group: { frames, isBatched, entry }, key: entry.handler.key?.(waiting.frame) };
  } catch (error) {
    return { group: { frames, isBatched, error }, key: undefined };
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
