import type { UserEventData } from "../contract.ts";
import type { ChatEvent, UserEvent } from "../events.ts";
import {
  type ChatState,
  type ConversationInfo,
  type ConversationState,
  forget,
  type MemberList,
  type PinList,
  want,
  withConversation,
  without,
} from "./chat_state.ts";
import { applyToWindow } from "./message_window.ts";
import { settleOwn } from "./own_outbox.ts";
import { applyOwnRead, applyToStanding } from "./own_standing.ts";

/**
 * The state after an event of a conversation. An event that comes twice, or that is older than what is known, changes
 * nothing, and one of an unknown conversation asks for that conversation to be read. Events come without gaps and in
 * order: the socket sees to that.
 */
export function applyEvent(state: ChatState, event: ChatEvent): ChatState {
  const { conversationId: id, kind, data } = event;
  const before = state.conversations[id];
  if (kind === "member" && data.op === "remove" && data.userId === state.userId)
    return before && event.seq <= before.info.lastSeq ? state : forget(state, id);
  if (!before) return want(state, id);
  const [after, isUnsure] = applyToConversation(before, event, state.userId);
  const settled = kind === "msg.new" ? settleOwn(state, event) : state;
  const applied = withConversation(settled, id, after);
  return isUnsure ? want(applied, id) : applied;
}

/** The state after an event of the user's own stream. */
export function applyUserEvent(state: ChatState, event: UserEvent): ChatState {
  switch (event.kind) {
    case "conv.add":
      return want(state, event.data.conversationId);
    case "conv.rm":
      return forget(state, event.data.conversationId);
    case "read.self":
      return readSelf(state, event.data);
    case "setting":
      return setOwn(state, event.data);
    case "block":
      return block(state, event.data);
    default:
      return state;
  }
}

/**
 * Says that events of a conversation are missing. It is to be read anew, and until it was, nothing that comes joins the
 * messages that are there, so that no gap looks like none.
 */
export function applyReset(state: ChatState, { conversationId: id }: { conversationId?: string }) {
  if (id === undefined) return state;
  const before = state.conversations[id];
  if (!before) return want(state, id);
  const { info, readBy, typing, window } = before;
  const torn = window ? { window: { ...window, hasNewer: true } } : {};
  return want(withConversation(state, id, { info, readBy, typing, ...torn }), id);
}

/** Read on another device of the user's, or on this one. */
function readSelf(state: ChatState, data: UserEventData["read.self"]): ChatState {
  const { conversationId: id } = data;
  const before = state.conversations[id];
  if (!before) return want(state, id);
  const place = { window: before.window, me: state.userId };
  const { info, isUnsure } = applyOwnRead(before.info, data, place);
  const after = withConversation(state, id, info === before.info ? before : { ...before, info });
  return isUnsure ? want(after, id) : after;
}

/** How the user wants to hear of a conversation, chosen on any device. */
function setOwn(state: ChatState, data: UserEventData["setting"]): ChatState {
  const { conversationId: id, ...settings } = data;
  const before = state.conversations[id];
  if (!before) return want(state, id);
  return withConversation(state, id, { ...before, info: { ...before.info, ...settings } });
}

function block(state: ChatState, { userId, on }: { userId: string; on: boolean }): ChatState {
  if (state.blocked.includes(userId) === on) return state;
  const others = state.blocked.filter((other) => other !== userId);
  return { ...state, blocked: on ? [...others, userId] : others };
}

function applyToConversation(
  before: ConversationState,
  event: ChatEvent,
  me: string,
): [after: ConversationState, isUnsure: boolean] {
  const { info, window, members, pins, typing } = before;
  const changed = window && applyToWindow(window, event, me);
  const standing =
    event.seq > info.lastSeq
      ? applyToStanding(applyToInfo(info, event), { event, before: window, after: changed, me })
      : { info, isUnsure: false };
  const after: ConversationState = {
    ...before,
    ...applyToDetails(before, standing.info, event),
    ...(changed ? { window: changed } : {}),
    ...(members ? { members: applyToMembers(members, event) } : {}),
    ...(pins ? { pins: applyToPins(pins, event) } : {}),
    // Whoever has sent something has stopped typing it.
    typing: event.kind === "msg.new" ? without(typing, event.data.senderId) : typing,
  };
  const keys = Object.keys(after) as (keyof ConversationState)[];
  const isSame = keys.every((key) => after[key] === before[key]);
  return [isSame ? before : after, standing.isUnsure];
}

function applyToInfo(info: ConversationInfo, event: ChatEvent): ConversationInfo {
  const moved = { ...info, lastSeq: event.seq, lastEventAt: new Date(event.at).toISOString() };
  if (event.kind !== "conv") return moved;
  const { op: _, ...settings } = event.data;
  return { ...moved, ...settings };
}

/** What the details miss of the events that a list was ahead of. */
function applyToDetails(
  { detailsAt }: ConversationState,
  info: ConversationInfo,
  event: ChatEvent,
): Pick<ConversationState, "info" | "detailsAt"> {
  if (detailsAt === undefined || event.kind !== "conv" || event.seq <= detailsAt) return { info };
  const { op: _, ...settings } = event.data;
  const { kind, name } = info;
  return { info: { ...info, ...settings, kind, name }, detailsAt: event.seq };
}

function applyToMembers(members: MemberList, event: ChatEvent): MemberList {
  if (event.seq <= members.at) return members;
  const at = event.seq;
  const { byId } = members;
  if (event.kind === "role") {
    const { userId, role } = event.data;
    return { at, byId: { ...byId, [userId]: { ...byId[userId], userId, role } } };
  }
  if (event.kind !== "member") return { at, byId };
  const { op, userId, role = "member" } = event.data;
  return {
    at,
    byId: op === "add" ? { ...byId, [userId]: { userId, role } } : without(byId, userId),
  };
}

function applyToPins(pins: PinList, event: ChatEvent): PinList {
  if (event.seq <= pins.at) return pins;
  const at = event.seq;
  const seq = event.kind === "pin" || event.kind === "msg.del" ? event.data.messageSeq : 0;
  const on = event.kind === "pin" && event.data.on;
  if (seq === 0 || pins.seqs.includes(seq) === on) return { ...pins, at };
  const others = pins.seqs.filter((other) => other !== seq);
  return { at, seqs: on ? [...others, seq].toSorted((one, other) => one - other) : others };
}
