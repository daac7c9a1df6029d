/** One event at its position in a channel, as it goes over the bus and to the sockets. */
export interface ChannelEvent {
  /** Counts from 1 without gaps. */
  seq: number;
  /** The user whom this event takes out of the channel: nothing behind it may reach them. */
  leaver?: string;
  /** Position of an event whose content this one takes back: no copy of that one is handed out any more. */
  erases?: number;
  /** The JSON text of the `ev` frame. */
  frame: string;
}

/** A channel that a user is in, and its last position at the time of reading. */
export interface Membership {
  channel: string;
  seq: number;
  /** Milliseconds since the epoch of the channel's last event. */
  changedAt: number;
  /** Position of the event with which the user came in. */
  joinedSeq: number;
  /** The first position that the user may see. */
  visibleFrom: number;
}

/** Where in a channel to begin, and how much to read. */
export interface Range {
  channel: string;
  after: number;
  limit: number;
}

/** What a user gets of a range. */
export interface ReadRange {
  /** Position behind which the events are: later than what was asked for where the user may not see all. */
  from: number;
  events: ChannelEvent[];
  /** Last position of the channel. */
  top: number;
}

/** Where the events of channels are kept for ever. A feature provides it; the hub repairs every gap from it. */
export interface ChannelSource {
  /** The user's channels, last changed first, at most `limit`; their own one beside them, where it has events. */
  listMemberships(userId: string, limit: number): Promise<Membership[]>;
  findMembership(userId: string, channel: string): Promise<Membership | undefined>;
  /** The channels that each of some users is in, in one statement. */
  listChannels(userIds: string[]): Promise<Map<string, Set<string>>>;
  /** Events behind `after`, in order, at most `limit`. */
  listEvents(channel: string, range: Omit<Range, "channel">): Promise<ChannelEvent[]>;
  /** For each range what the user may see of it, in one statement; undefined where they are not in the channel. */
  readRanges(userId: string, ranges: Range[]): Promise<(ReadRange | undefined)[]>;
  /** Last positions of those channels that exist. */
  listTops(channels: string[]): Promise<Map<string, number>>;
  /** The frame of an event that erases another one, without what stands in the place of that one. */
  conceal(channel: string, frame: string): string;
}

/**
 * Bus text of an event: position, leaver or `~` and the position that it erases, frame. The receiving node need not
 * parse the frame.
 */
export function encodeEvent(event: ChannelEvent): string {
  const mark = event.leaver ?? (event.erases === undefined ? "" : `~${event.erases}`);
  return `${event.seq}|${mark}|${event.frame}`;
}

/** Reads what encodeEvent wrote; undefined for a text that no instance of ours has written. */
export function decodeEvent(text: string): ChannelEvent | undefined {
  const match = /^(\d{1,15})\|(?:~(\d{1,15})|([0-9a-f-]*))\|(\{.*\})$/s.exec(text);
  if (!match) return undefined;
  const [, seq, erases, leaver, frame = ""] = match;
  return {
    seq: Number(seq),
    ...(leaver === undefined || leaver === "" ? {} : { leaver }),
    ...(erases === undefined ? {} : { erases: Number(erases) }),
    frame,
  };
}

/** The channel of what happens to one user alone; their sockets are in it unasked, and it never ends. */
export function userChannel(userId: string): string {
  return `u:${userId}`;
}

export function isUserChannel(channel: string): boolean {
  return channel.startsWith("u:");
}

/** Marks a text that has no position and may be lost, so that nobody takes it for an event. */
const NOTE_MARK = "~";

/** Bus text of what only those who look at the channel need to hear, and only now: at most once, in any order. */
export function encodeNote(note: string): string {
  return NOTE_MARK + note;
}

/** Reads what encodeNote wrote; undefined for any other text. */
export function decodeNote(text: string): string | undefined {
  return text.startsWith(NOTE_MARK) ? text.slice(NOTE_MARK.length) : undefined;
}

/**
 * Told to the nodes on a user's own channel: the user came into a channel, a session of theirs ended, or what they may
 * do has changed.
 */
export type UserControl =
  { op: "join"; channel: string } | { op: "end"; sessionId: string } | { op: "renew" };

/** Reads a control message; undefined for a text that no instance of ours has written. */
export function decodeControl(text: string): UserControl | undefined {
  try {
    const value = JSON.parse(text) as { op?: unknown; channel?: unknown; sessionId?: unknown };
    if (value.op === "join" && typeof value.channel === "string")
      return { op: "join", channel: value.channel };
    if (value.op === "end" && typeof value.sessionId === "string")
      return { op: "end", sessionId: value.sessionId };
    return value.op === "renew" ? { op: "renew" } : undefined;
  } catch {
    return undefined;
  }
}
