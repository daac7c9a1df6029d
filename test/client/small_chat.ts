import {
  type ChatEvent,
  type ChatState,
  type Conversation,
  emptyChat,
  type Message,
  openWindow,
  withConversations,
  withMembers,
  withPins,
} from "../../src/client/mod.ts";

/** A small chat that a test can tell by hand. */

export const ID = "0192f3a1-0000-7000-8000-000000000001";
export const [ME, MINH, HOA] = ["lan", "minh", "hoa"];
export const AT = "2026-11-23T10:00:00.000Z";

export function conversation(lastSeq: number, id = ID): Conversation {
  const fields = { kind: "group" as const, name: "VN30", createdBy: ME, createdAt: AT };
  const own = { role: "member" as const, permissions: 7, readSeq: 4, unread: 0, mentions: 0 };
  const settings = { muted: null, archived: false, notify: "all" as const };
  return { id, ...fields, ...own, ...settings, memberCount: 3, lastSeq, lastEventAt: AT };
}

export function message(seq: number, more: Partial<Message> = {}): Message {
  const clientId = `cid ${seq}`;
  return { id: `m${seq}`, seq, clientId, senderId: MINH, body: `n ${seq}`, createdAt: AT, ...more };
}

type Data = {
  [Kind in ChatEvent["kind"]]: [Kind, (ChatEvent & { kind: Kind })["data"]];
}[ChatEvent["kind"]];

export function event(seq: number, ...[kind, data]: Data): ChatEvent {
  const place = { channel: `c:${ID}`, conversationId: ID, seq, at: Date.parse(AT) };
  return { ...place, kind, data } as ChatEvent;
}

export function said(seq: number, more: Partial<Message> = {}): ChatEvent {
  return event(seq, "msg.new", message(seq, more));
}

/** A conversation with messages 2, 3 and 4, read at position 4. */
export function open(): ChatState {
  const listed = withConversations(emptyChat(ME), [conversation(4)]);
  const items = [message(4), message(3), message(2)];
  const state = openWindow(listed, ID, { items, hasOlder: false, cursor: null, at: 4 });
  const members = [ME, MINH, HOA].map((userId) => ({ userId, role: "member" as const }));
  return withPins(withMembers(state, ID, { items: members, at: 4 }), ID, { seqs: [], at: 4 });
}
