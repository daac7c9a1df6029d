import type { Message, MessagePage } from "../contract.ts";
import {
  type ChatState,
  type ConversationInfo,
  type ConversationState,
  type MemberState,
  type MessageWindow,
  unwant,
  withConversation,
} from "./chat_state.ts";
import { MAX_MESSAGES, withMessages } from "./message_window.ts";

/*
 * What was read over HTTP, put into the state. A conversation is read before its parts: then each part is at least as new
 * as its position says, and applying an event to it once more does no harm, because events tell what is now.
 */

/** Conversations whose messages are kept; those that nobody has looked at for the longest time are read again. */
const MAX_WINDOWS = 30;

/** Puts conversations as the server lists them into the state, those that are there already too. */
export function withConversations(state: ChatState, list: readonly ConversationInfo[]): ChatState {
  let after = state;
  for (const info of list) {
    const before = after.conversations[info.id];
    // What events have brought since is newer.
    if (before && before.info.lastSeq > info.lastSeq) continue;
    const fresh = before ? renew(before, info) : { info, readBy: {}, typing: {} };
    after = unwant(withConversation(after, info.id, fresh), info.id);
  }
  return after;
}

/** Details that the answer leaves out stay as old as they are: the events that change them are still to come. */
function renew(before: ConversationState, info: ConversationInfo): ConversationState {
  const { detailsAt = before.info.lastSeq, ...rest } = before;
  const after = { ...rest, info: { ...before.info, ...info } };
  const isOlder = info.description === undefined && before.info.description !== undefined;
  return isOlder && detailsAt < info.lastSeq ? { ...after, detailsAt } : after;
}

/** Begins the window of a conversation anew with its newest messages. */
export function openWindow(state: ChatState, id: string, page: PageOf): ChatState {
  const before = state.conversations[id];
  if (!before) return state;
  const messages = page.items.toSorted((one, other) => one.seq - other.seq);
  const window: MessageWindow = {
    messages: messages.slice(-MAX_MESSAGES),
    hasOlder: page.hasOlder || messages.length > MAX_MESSAGES,
    cursor: messages.length > MAX_MESSAGES ? null : page.cursor,
    hasNewer: false,
    at: page.at,
  };
  const kept = touch(withConversation(state, id, { ...before, window }), id);
  return settle(kept, messages);
}

/** Puts older messages before those that are there. */
export function addOlder(state: ChatState, id: string, page: Omit<PageOf, "at">): ChatState {
  const before = state.conversations[id];
  if (!before?.window) return state;
  const { window } = before;
  const room = MAX_MESSAGES - window.messages.length;
  // A window that is full stays at the newest messages, so that what comes has its place.
  const sorted = page.items.toSorted((one, other) => one.seq - other.seq);
  const items = room > 0 ? sorted.slice(-room) : [];
  const added = withMessages(window, items);
  const isCut = items.length < page.items.length;
  const rest = { hasOlder: page.hasOlder || isCut, cursor: isCut ? null : page.cursor };
  return withConversation(state, id, { ...before, window: { ...added, ...rest } });
}

/** Puts those who are in a conversation into the state, as of a position. */
export function withMembers(
  state: ChatState,
  id: string,
  { items, at }: { items: readonly MemberState[]; at: number },
): ChatState {
  const before = state.conversations[id];
  if (!before) return state;
  const byId = Object.fromEntries(items.map((member) => [member.userId, member]));
  return withConversation(state, id, { ...before, members: { byId, at } });
}

/** Puts how far others have read into the state; nobody has read less since. */
export function withReads(
  state: ChatState,
  id: string,
  items: readonly { userId: string; seq: number }[],
): ChatState {
  const before = state.conversations[id];
  if (!before) return state;
  const readBy = { ...before.readBy };
  for (const { userId, seq } of items)
    if (userId !== state.userId) readBy[userId] = Math.max(readBy[userId] ?? 0, seq);
  return withConversation(state, id, { ...before, readBy });
}

/** Puts the positions of the pinned messages into the state, as of a position. */
export function withPins(
  state: ChatState,
  id: string,
  { seqs, at }: { seqs: readonly number[]; at: number },
): ChatState {
  const before = state.conversations[id];
  if (!before) return state;
  const sorted = seqs.toSorted((one, other) => one - other);
  return withConversation(state, id, { ...before, pins: { seqs: sorted, at } });
}

/** Puts those whom the user has blocked into the state. */
export function withBlocked(state: ChatState, userIds: readonly string[]): ChatState {
  return { ...state, blocked: userIds };
}

/** Messages, and whether there are older ones; `at` is the position of the conversation before they were read. */
export interface PageOf {
  items: readonly Message[];
  hasOlder: boolean;
  cursor: string | null;
  at: number;
}

/** A page as the server answers it. */
export function pageOf({ items, page }: MessagePage, at: number): PageOf {
  return { items, hasOlder: page.nextCursor !== null, cursor: page.nextCursor, at };
}

function touch(state: ChatState, id: string): ChatState {
  const opened = [...state.opened.filter((other) => other !== id), id];
  const [oldest] = opened;
  const conversation = oldest === undefined ? undefined : state.conversations[oldest];
  if (opened.length <= MAX_WINDOWS || oldest === undefined) return { ...state, opened };
  const kept = { ...state, opened: opened.slice(1) };
  if (!conversation) return kept;
  const { window: _, ...rest } = conversation;
  return withConversation(kept, oldest, rest);
}

/** What stood for a message that has arrived goes. */
function settle(state: ChatState, messages: readonly Message[]): ChatState {
  if (state.outbox.length === 0) return state;
  const own = new Set(
    messages.filter(({ senderId }) => senderId === state.userId).map(({ clientId }) => clientId),
  );
  return { ...state, outbox: state.outbox.filter(({ entry }) => !own.has(entry.id)) };
}
