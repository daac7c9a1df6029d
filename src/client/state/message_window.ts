import type { ChatEventData, Message } from "../contract.ts";
import type { ChatEvent } from "../events.ts";
import type { MessageWindow } from "./chat_state.ts";

/** Messages that one window holds; the oldest go first, and can be read again. */
export const MAX_MESSAGES = 1_000;

type Change = (message: Message) => Message;

/** The window after an event; the same one where nothing in it has changed but its position. */
export function applyToWindow(window: MessageWindow, event: ChatEvent, me: string): MessageWindow {
  if (event.seq <= window.at) return window;
  return { ...changeWindow(window, event, me), at: event.seq };
}

function changeWindow(window: MessageWindow, event: ChatEvent, me: string): MessageWindow {
  switch (event.kind) {
    case "msg.new":
      return window.hasNewer ? window : withMessages(window, [event.data]);
    case "msg.edit":
      return change(window, event.data.messageSeq, (message) => edit(message, event.data));
    case "msg.del":
      return change(window, event.data.messageSeq, (message) => bury(message, event.data));
    case "react":
      return change(window, event.data.messageSeq, (message) => react(message, event.data, me));
    default:
      return window;
  }
}

/** Puts messages in their places. What is there already stays, because events have kept it up to date. */
export function withMessages(window: MessageWindow, more: readonly Message[]): MessageWindow {
  const { messages } = window;
  const fresh = more.filter(({ seq }) => !findMessage(messages, seq));
  if (fresh.length === 0) return window;
  const last = messages.at(-1)?.seq ?? 0;
  const joined = [...messages, ...fresh.toSorted(bySeq)];
  if (fresh.some(({ seq }) => seq < last)) joined.sort(bySeq);
  if (joined.length <= MAX_MESSAGES) return { ...window, messages: joined };
  return { ...window, messages: joined.slice(-MAX_MESSAGES), hasOlder: true, cursor: null };
}

/** The message at a position, by bisection. */
export function findMessage(messages: readonly Message[], seq: number): Message | undefined {
  return messages[placeOf(messages, seq)];
}

function placeOf(messages: readonly Message[], seq: number): number {
  let [low, high] = [0, messages.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = messages[middle]?.seq ?? 0;
    if (found === seq) return middle;
    if (found < seq) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

function bySeq(one: Message, other: Message): number {
  return one.seq - other.seq;
}

function change(window: MessageWindow, seq: number, how: Change): MessageWindow {
  const place = placeOf(window.messages, seq);
  const before = window.messages[place];
  const after = before && how(before);
  if (!after || after === before) return window;
  return { ...window, messages: window.messages.with(place, after) };
}

/** A message has no field for what does not apply. */
function edit(message: Message, data: ChatEventData["msg.edit"]): Message {
  const { body, rev, editedAt, mentions, mentionsAll, tickers } = data;
  if (message.deletedAt !== undefined || rev <= (message.rev ?? 0)) return message;
  const { mentions: _m, mentionsAll: _a, tickers: _t, ...rest } = message;
  return {
    ...rest,
    body,
    rev,
    editedAt,
    ...(mentions.length > 0 ? { mentions } : {}),
    ...(mentionsAll ? { mentionsAll } : {}),
    ...(tickers.length > 0 ? { tickers } : {}),
  };
}

/** What stays of a deleted message: that there was one, whose, and where it stood. */
function bury(message: Message, { deletedAt }: ChatEventData["msg.del"]): Message {
  if (message.deletedAt !== undefined) return message;
  const { mentions: _m, mentionsAll: _a, tickers: _t, ...rest } = message;
  const { attachments: _f, reactions: _r, ...bare } = rest;
  return { ...bare, body: "", deletedAt };
}

function react(message: Message, data: ChatEventData["react"], me: string): Message {
  const { emoji, userId, on, count } = data;
  const { reactions: before = [], ...rest } = message;
  if (message.deletedAt !== undefined) return message;
  const known = before.find((reaction) => reaction.emoji === emoji);
  const mine = userId === me ? on : (known?.mine ?? false);
  const now = { emoji, count, mine };
  const others = before.filter((reaction) => reaction.emoji !== emoji);
  const place = known ? before.indexOf(known) : others.length;
  const reactions = count > 0 ? others.toSpliced(place, 0, now) : others;
  return reactions.length > 0 ? { ...rest, reactions } : rest;
}
