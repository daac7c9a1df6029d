import type { ChatEventData, Conversation, ConversationDetails, Message } from "../contract.ts";
import type { Waiting } from "../outbox.ts";
import type { ClientErrorCode } from "../problem.ts";

/*
 * Everything that a chat shows, as one value that is never changed in place: what is the same after an event is the same
 * object, so that a view draws anew only what is new.
 */

/** Messages without a gap between them, the oldest first. */
export interface MessageWindow {
  readonly messages: readonly Message[];
  /** Whether there are messages before the first one. */
  readonly hasOlder: boolean;
  /** Where the page before the first one is, where it is known. */
  readonly cursor: string | null;
  /** Whether there are messages behind the last one, so that new ones do not join it. */
  readonly hasNewer: boolean;
  /** Position of the last event in it. */
  readonly at: number;
}

export type Role = NonNullable<ChatEventData["member"]["role"]>;

export interface MemberState {
  readonly userId: string;
  readonly role: Role;
  /** None of somebody who came in since the members were read: an event tells no names. */
  readonly displayName?: string;
}

/** Those who are in a conversation, by their ids. */
export interface MemberList {
  readonly byId: Readonly<Record<string, MemberState>>;
  readonly at: number;
}

/** Positions of the pinned messages, in order. */
export interface PinList {
  readonly seqs: readonly number[];
  readonly at: number;
}

/** A list of conversations leaves their details out. */
export type ConversationInfo = Conversation & Partial<ConversationDetails>;

/** A conversation, and those of its parts that were read; each part has its own position. */
export interface ConversationState {
  /** As the server answers it; `lastSeq` is the position of the last event in it. */
  readonly info: ConversationInfo;
  /** Position of the last event in the details, where a list, which leaves them out, has moved the rest further. */
  readonly detailsAt?: number;
  readonly window?: MessageWindow;
  readonly members?: MemberList;
  readonly pins?: PinList;
  /** How far others have read, as far as they let it be seen. */
  readonly readBy: Readonly<Record<string, number>>;
  /** Until when each of those who are typing counts as typing, in milliseconds since 1970. */
  readonly typing: Readonly<Record<string, number>>;
}

/** Something of one's own that the server has not confirmed, or that it has refused. */
export interface OutboxItem {
  readonly entry: Waiting;
  /** `done` until its event arrives; what was refused stays until it is dismissed. */
  readonly status: "waiting" | "done" | "refused";
  readonly code?: ClientErrorCode;
}

export interface PresenceState {
  readonly status: string;
  /** When they were last there, in milliseconds since 1970; null where they do not tell. */
  readonly at: number | null;
}

export interface ChatState {
  /** Whose state this is. */
  readonly userId: string;
  readonly conversations: Readonly<Record<string, ConversationState>>;
  /** Conversations of which something was missed: they are to be read over HTTP. */
  readonly wanted: readonly string[];
  readonly outbox: readonly OutboxItem[];
  readonly presence: Readonly<Record<string, PresenceState>>;
  /** Users whom this user has blocked. */
  readonly blocked: readonly string[];
  /** Conversations with a window, the one that was opened last at the end. */
  readonly opened: readonly string[];
}

export function emptyChat(userId: string): ChatState {
  return {
    userId,
    conversations: {},
    wanted: [],
    outbox: [],
    presence: {},
    blocked: [],
    opened: [],
  };
}

/** Replaces one conversation. */
export function withConversation(
  state: ChatState,
  id: string,
  conversation: ConversationState,
): ChatState {
  if (state.conversations[id] === conversation) return state;
  return { ...state, conversations: { ...state.conversations, [id]: conversation } };
}

/** A copy of a record without one of its keys; the same record where it has none. */
export function without<Value>(
  record: Readonly<Record<string, Value>>,
  key: string,
): Readonly<Record<string, Value>> {
  if (!Object.hasOwn(record, key)) return record;
  const { [key]: _, ...rest } = record;
  return rest;
}

export function forget(state: ChatState, id: string): ChatState {
  if (!Object.hasOwn(state.conversations, id)) return unwant(state, id);
  return unwant(
    {
      ...state,
      conversations: without(state.conversations, id),
      opened: state.opened.filter((other) => other !== id),
    },
    id,
  );
}

/** Notes that a conversation is to be read anew. */
export function want(state: ChatState, id: string): ChatState {
  return state.wanted.includes(id) ? state : { ...state, wanted: [...state.wanted, id] };
}

export function unwant(state: ChatState, id: string): ChatState {
  if (!state.wanted.includes(id)) return state;
  return { ...state, wanted: state.wanted.filter((other) => other !== id) };
}
