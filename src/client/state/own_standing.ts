import type { Message, UserEventData } from "../contract.ts";
import type { ChatEvent } from "../events.ts";
import type { ConversationInfo, MessageWindow } from "./chat_state.ts";
import { findMessage } from "./message_window.ts";

/** The conversation as its member lists it, after a change. */
export interface Standing {
  info: ConversationInfo;
  /** Whether something cannot be told from what is here, so that it has to be read. */
  isUnsure: boolean;
}

/** As far as the server counts, too. */
const MAX_UNREAD = 1_000;

interface Change {
  event: ChatEvent;
  /** The messages before and after it. */
  before: MessageWindow | undefined;
  after: MessageWindow | undefined;
  me: string;
}

/** What an event of the conversation makes of it. */
export function applyToStanding(info: ConversationInfo, change: Change): Standing {
  const { event, me } = change;
  const counted = recount(info, change);
  if (event.kind === "member") {
    const memberCount = info.memberCount + (event.data.op === "add" ? 1 : -1);
    return { ...counted, info: { ...counted.info, memberCount } };
  }
  // What a role or the settings permit is the server's to say.
  const isAboutMe = event.kind === "role" && event.data.userId === me;
  const isOnPermissions = event.kind === "conv" && event.data.op === "update";
  return isAboutMe || isOnPermissions ? { ...counted, isUnsure: true } : counted;
}

/** What it is after its member has read up to a position, or has called what is behind it unread. */
export function applyOwnRead(
  info: ConversationInfo,
  { seq }: UserEventData["read.self"],
  place: { window: MessageWindow | undefined; me: string },
): Standing {
  const read = { ...info, readSeq: seq };
  if (info.readSeq === seq) return { info, isUnsure: false };
  if (seq >= info.lastSeq) return { info: withCounts(read, [0, 0]), isUnsure: false };
  const counts = count(place.window, seq, place.me);
  return counts
    ? { info: withCounts(read, counts), isUnsure: false }
    : { info: read, isUnsure: true };
}

function recount(info: ConversationInfo, { event, before, after, me }: Change): Standing {
  const { readSeq, unread, mentions } = info;
  const isMessage =
    event.kind === "msg.new" || event.kind === "msg.edit" || event.kind === "msg.del";
  if (!isMessage) return { info, isUnsure: false };
  const counts = count(after, readSeq, me);
  if (counts) return { info: withCounts(info, counts), isUnsure: false };
  const steps = step(event, before, me);
  // A message that is not here may or may not have been among those that count.
  if (!steps || unread >= MAX_UNREAD) return { info, isUnsure: true };
  return { info: withCounts(info, [unread + steps[0], mentions + steps[1]]), isUnsure: false };
}

type Counts = [unread: number, mentions: number];

/** How many messages behind a position are unread, and how many name the reader; undefined where some are not here. */
function count(window: MessageWindow | undefined, readSeq: number, me: string): Counts | undefined {
  if (!window || window.hasNewer) return undefined;
  const first = window.messages[0]?.seq ?? 0;
  if (window.hasOlder && first > readSeq + 1) return undefined;
  let [unread, mentions] = [0, 0];
  // From the end, because most of a long window has been read.
  for (let at = window.messages.length - 1; at >= 0; at -= 1) {
    const message = window.messages[at];
    if (!message || message.seq <= readSeq) break;
    if (isCounted(message, me)) unread += 1;
    if (names(message, me)) mentions += 1;
  }
  return [unread, mentions];
}

/** By how much the counts change where the messages behind what was read are not all here. */
function step(event: ChatEvent, window: MessageWindow | undefined, me: string): Counts | undefined {
  if (event.kind === "msg.new") {
    const { data } = event;
    return [isCounted(data, me) ? 1 : 0, names(data, me) ? 1 : 0];
  }
  if (event.kind !== "msg.edit" && event.kind !== "msg.del") return [0, 0];
  const known = findMessage(window?.messages ?? [], event.data.messageSeq);
  return known && (known.senderId === me || known.deletedAt !== undefined) ? [0, 0] : undefined;
}

function isCounted({ senderId, threadSeq, deletedAt }: Message, me: string): boolean {
  return senderId !== me && threadSeq === undefined && deletedAt === undefined;
}

/** In a thread too: whoever does not follow it would never hear of it. */
function names({ senderId, deletedAt, mentions, mentionsAll }: Message, me: string): boolean {
  const isNamed = mentionsAll === true || mentions?.includes(me) === true;
  return isNamed && senderId !== me && deletedAt === undefined;
}

function withCounts(info: ConversationInfo, [unread, mentions]: Counts): ConversationInfo {
  const now = { unread: Math.min(unread, MAX_UNREAD), mentions: Math.min(mentions, MAX_UNREAD) };
  return now.unread === info.unread && now.mentions === info.mentions ? info : { ...info, ...now };
}
