import type { DeleteFrame, EditFrame, PinFrame, ReactFrame } from "./contract.ts";
import { channelOf } from "./frames.ts";

/** What a person does in a conversation and what has to arrive: `msg` is the position of the message that it is about. */
export type Command =
  | SendCommand
  | Omit<EditFrame, "i">
  | Omit<DeleteFrame, "i">
  | Omit<ReactFrame, "i">
  | Omit<PinFrame, "i">;

/** A message, as it goes out: `re` is the position of the one that it answers, `th` that of the thread's first. */
export interface SendCommand {
  t: "send";
  ch: string;
  cid: string;
  body: string;
  re?: number;
  th?: number;
  att?: string[];
}

/** A message of a conversation, by its position. */
export interface MessageAt {
  conversationId: string;
  seq: number;
}

export interface NewChatMessage {
  conversationId: string;
  body: string;
  /** Any UUID: a message that is sent again under it is still one message. */
  clientId?: string;
  /** Position of the message that this one answers. */
  replySeq?: number;
  /** Position of the first message of the thread that this one is part of. */
  threadSeq?: number;
  /** Ids of uploaded files. */
  attachments?: string[];
}

/** How long an action may wait, and who may call it off. */
export interface Patience {
  /** How long it may wait for its acknowledgement, reconnections and reloads included; the outbox has a default. */
  timeoutMs?: number;
  /** Calls it off while it waits; what is under way may still arrive. */
  signal?: AbortSignal;
}

export function sendCommand(message: NewChatMessage): SendCommand {
  const { conversationId, body, clientId, replySeq, threadSeq, attachments } = message;
  return {
    t: "send",
    ch: channelOf(conversationId),
    cid: (clientId ?? crypto.randomUUID()).toLowerCase(),
    body,
    ...(replySeq === undefined ? {} : { re: replySeq }),
    ...(threadSeq === undefined ? {} : { th: threadSeq }),
    ...(attachments === undefined ? {} : { att: attachments }),
  };
}

export function editCommand(at: MessageAt & { body: string; rev: number }): Command {
  const { conversationId, seq: msg, body, rev } = at;
  return { t: "edit", ch: channelOf(conversationId), msg, body, rev };
}

export function deleteCommand({ conversationId, seq: msg }: MessageAt): Command {
  return { t: "del", ch: channelOf(conversationId), msg };
}

export function reactCommand(at: MessageAt & { emoji: string; on: boolean }): Command {
  const { conversationId, seq: msg, emoji: e, on } = at;
  return { t: "react", ch: channelOf(conversationId), msg, e, on };
}

export function pinCommand(at: MessageAt & { on: boolean }): Command {
  const { conversationId, seq: msg, on } = at;
  return { t: "pin", ch: channelOf(conversationId), msg, on };
}
