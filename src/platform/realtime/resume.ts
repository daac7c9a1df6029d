import { AppError, NotFound } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { type FrameHandler, onFrames } from "./dispatch.ts";
import { errorFrame, type Sync, Sync as SyncSchema } from "./frames.ts";
import type { Hub } from "./hub.ts";
import {
  type ChannelEvent,
  type ChannelSource,
  type Range,
  type ReadRange,
  userChannel,
} from "./source.ts";
import { veil } from "./veil.ts";
import { type Window, withoutGap } from "./window.ts";

/** Events that one `sync` brings where it does not say how many it wants. */
const SYNC_EVENTS = 200;
/** A client that is further behind reads the channel anew instead of catching up with it. */
export const MAX_REPLAYED_EVENTS = 10_000;
/** Events that one statement reads for all frames that it answers. */
const MAX_READ_EVENTS = 2_000;
/** All events of the answers to frames that came together, in UTF-16 units: far below what a socket may have waiting. */
const MAX_ANSWER_SIZE = 262_144;

export interface ResumeOptions {
  hub: () => Pick<Hub, "standingOf">;
  window: Pick<Window, "read">;
  source: ChannelSource;
}

/** What is sent in answer to one `sync`. */
interface Found {
  from: number;
  events: ChannelEvent[];
  top: number;
  isReset?: boolean;
}

interface Asked extends Range {
  frame: Sync;
  found?: Found;
}

/**
 * Gives a client what it has missed, from the nearest place that has all of it: this node's ring, then the window in
 * Redis, then Postgres, which is asked once for all frames that wait together and looks at the membership itself.
 */
export function createResume(options: ResumeOptions): FrameHandler {
  return onFrames({
    schema: SyncSchema,
    key: () => "sync",
    handle: async (frames, connection) => {
      const asked = frames.map((frame) => toAsked(frame, connection));
      for (const each of asked) fromRing(each, options, connection);
      await fromWindow(
        asked.filter(({ found }) => !found),
        options,
        connection,
      );
      await fromSource(
        asked.filter(({ found }) => !found),
        options,
        connection,
      );
      let room = MAX_ANSWER_SIZE;
      return asked.map((each) => {
        const { text, size } = answer(each, room);
        room -= size;
        return text;
      });
    },
  });
}

function toAsked(frame: Sync, { userId }: Connection): Asked {
  const channel = frame.ch === "u" ? userChannel(userId) : frame.ch.toLowerCase();
  return { frame, channel, after: frame.from, limit: frame.lim ?? SYNC_EVENTS };
}

/** An attached socket proves the membership. Only Postgres can say that a client is ahead of the channel. */
function fromRing(each: Asked, { hub, source }: ResumeOptions, connection: Connection): void {
  const standing = hub().standingOf(connection, each.channel);
  if (!standing || each.after > standing.last) return;
  const from = Math.max(each.after, standing.visibleFrom - 1);
  const { last: top } = standing;
  if (top - from > MAX_REPLAYED_EVENTS) each.found = { from: top, events: [], top, isReset: true };
  else {
    const events = standing.since(from);
    const viewer = { channel: each.channel, visibleFrom: standing.visibleFrom };
    if (events)
      each.found = { from, events: events.map((event) => veil(event, viewer, source)), top };
    else each.after = from;
  }
}

/** What it has beyond the position of this node is left out: the user may have been removed just there. */
async function fromWindow(
  asked: Asked[],
  { hub, window, source }: ResumeOptions,
  connection: Connection,
): Promise<void> {
  const attached = asked.filter(({ channel }) => hub().standingOf(connection, channel));
  if (attached.length === 0) return;
  const read = await window.read(attached);
  for (const [at, each] of attached.entries()) {
    const { channel, after } = each;
    const { last: top, visibleFrom } = hub().standingOf(connection, channel) ?? {};
    // Who went and came back meanwhile may see less than before.
    if (top === undefined || visibleFrom === undefined) continue;
    if (after > top || after < visibleFrom - 1) continue;
    const events = withoutGap(read[at] ?? [], after)
      .filter(({ seq }) => seq <= top)
      .map((event) => veil(event, { channel, visibleFrom }, source));
    const end = after + events.length;
    if (end >= top || events.length >= each.limit) each.found = { from: after, events, top };
  }
}

async function fromSource(
  asked: Asked[],
  { source }: ResumeOptions,
  { userId }: Connection,
): Promise<void> {
  if (asked.length === 0) return;
  const most = Math.max(1, Math.floor(MAX_READ_EVENTS / asked.length));
  const ranges = asked.map(({ channel, after, limit }) => {
    return { channel, after, limit: Math.min(limit, most) };
  });
  const read = await source.readRanges(userId, ranges);
  for (const [at, each] of asked.entries()) {
    const range = read[at];
    if (range) each.found = toFound(each, range);
  }
}

function toFound({ after }: Asked, { from, events, top }: ReadRange): Found {
  const next = events[0]?.seq ?? top + 1;
  // Behind the position there may be more than can be caught up with, nothing that it could have been taken from, or
  // events that are kept no longer.
  const isReset = after > top || top - from > MAX_REPLAYED_EVENTS || next !== from + 1;
  return isReset ? { from: top, events: [], top, isReset } : { from, events, top };
}

/** The frames of the events are JSON already and are not read again. */
function answer({ frame, limit, found }: Asked, room: number): { text: string; size: number } {
  if (!found) {
    const error = new AppError(NotFound, "Cannot sync: no such channel of this user");
    return { text: JSON.stringify(errorFrame(error, frame)), size: 0 };
  }
  const { from, top, isReset } = found;
  const texts: string[] = [];
  let size = 0;
  let to = from;
  for (const { seq, frame: text } of found.events.slice(0, limit)) {
    if (size + text.length > room) break;
    size += text.length;
    texts.push(text);
    to = seq;
  }
  const number = frame.i === undefined ? {} : { i: frame.i };
  const reset = isReset === true ? { reset: true } : {};
  const head = JSON.stringify({
    t: "sync.ok",
    ...number,
    ch: frame.ch,
    from,
    to,
    more: to < top,
    ...reset,
  });
  return { text: `${head.slice(0, -1)},"ev":[${texts.join(",")}]}`, size };
}
