import type { Ephemeral } from "../events.ts";
import {
  type ChatState,
  type ConversationState,
  type PresenceState,
  withConversation,
  without,
} from "./chat_state.ts";

/** Who has not said for so long that they are typing has stopped, or is gone. */
export const TYPING_MS = 6_000;
/** More than a line can name. */
const MAX_TYPING = 50;
const MAX_PRESENCES = 1_000;
const MAX_READERS = 1_000;

/** The state after something of the moment. @param now milliseconds since 1970 */
export function applyEphemeral(state: ChatState, event: Ephemeral, now: number): ChatState {
  const { conversationId: id, userId } = event;
  if (event.kind === "presence") return see(state, userId, { status: event.status, at: event.at });
  const before = state.conversations[id];
  if (!before || userId === state.userId) return state;
  const after =
    event.kind === "typing"
      ? type(before, userId, event.on ? now + TYPING_MS : 0)
      : read(before, userId, event.seq);
  return withConversation(state, id, after);
}

/** The state without those whose typing was not renewed; the same state where nobody's has ended. */
export function expireTyping(state: ChatState, now: number): ChatState {
  let after = state;
  for (const [id, conversation] of Object.entries(state.conversations)) {
    for (const [userId, until] of Object.entries(conversation.typing)) {
      const current = after.conversations[id];
      if (until <= now && current) after = withConversation(after, id, type(current, userId, 0));
    }
  }
  return after;
}

function see(state: ChatState, userId: string, now: PresenceState): ChatState {
  const before = state.presence[userId];
  if (before?.status === now.status && before.at === now.at) return state;
  // The one that was seen last comes last, and the first one is the first to be forgotten.
  const presence = { ...without(state.presence, userId), [userId]: now };
  const [oldest] = Object.keys(presence);
  const isFull = Object.keys(presence).length > MAX_PRESENCES && oldest !== undefined;
  return { ...state, presence: isFull ? without(presence, oldest) : presence };
}

function type(before: ConversationState, userId: string, until: number): ConversationState {
  const { typing } = before;
  if (until === 0) {
    const rest = without(typing, userId);
    return rest === typing ? before : { ...before, typing: rest };
  }
  if (!Object.hasOwn(typing, userId) && Object.keys(typing).length >= MAX_TYPING) return before;
  return { ...before, typing: { ...typing, [userId]: until } };
}

/** Nobody unreads what they have read. */
function read(before: ConversationState, userId: string, seq: number): ConversationState {
  const { readBy } = before;
  if (seq <= (readBy[userId] ?? 0)) return before;
  if (!Object.hasOwn(readBy, userId) && Object.keys(readBy).length >= MAX_READERS) return before;
  return { ...before, readBy: { ...readBy, [userId]: seq } };
}
