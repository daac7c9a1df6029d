import { expect, test } from "bun:test";

import { array, assert, boolean, constantFrom, nat, property, record } from "fast-check";

import {
  applyEvent,
  applyUserEvent,
  type ChatEvent,
  type ChatState,
  emptyChat,
  type Message,
  openWindow,
  type UserEvent,
  withConversations,
} from "../../src/client/mod.ts";
import { AT, conversation, event, HOA, ID, ME, message, MINH, said } from "./small_chat.ts";

/** What a member is in a conversation, as the server lists it. */
interface Standing {
  readSeq: number;
  unread: number;
  mentions: number;
  memberCount: number;
}

/** A conversation with no more than its newest messages here: of 5 unread ones, 3 are. */
function open(items: Message[], standing: Partial<Standing> = {}): ChatState {
  const info = { ...conversation(10), memberCount: 3, readSeq: 5, unread: 5, mentions: 0 };
  const listed = withConversations(emptyChat(ME), [{ ...info, ...standing }]);
  return openWindow(listed, ID, { items, hasOlder: true, cursor: null, at: 10 });
}

const NEWEST = [message(10), message(9), message(8)];

function infoOf({ conversations }: ChatState): Standing {
  const found = conversations[ID];
  if (!found) throw new Error("Cannot find the conversation");
  return found.info as unknown as Standing;
}

function standingOf(state: ChatState): [unread?: number, mentions?: number, isWanted?: boolean] {
  const { unread, mentions } = infoOf(state);
  return [unread, mentions, state.wanted.includes(ID)];
}

function readSelf(seq: number): UserEvent {
  return { seq: 1, at: 0, kind: "read.self", data: { conversationId: ID, seq } };
}

test("messages of others count as unread, those that name the reader as mentions, and one's own not, and of threads those alone that name the reader", () => {
  let state = open(NEWEST);
  state = applyEvent(state, said(11, { senderId: ME, mentions: [ME] }));
  state = applyEvent(state, said(12, { threadSeq: 9, mentions: [ME] }));
  expect(standingOf(state)).toEqual([5, 1, false]);
  state = applyEvent(state, said(13, { mentions: [HOA] }));
  state = applyEvent(state, said(14, { mentions: [HOA, ME] }));
  state = applyEvent(state, said(15, { mentionsAll: true }));
  expect(standingOf(state)).toEqual([8, 3, false]);
  expect(standingOf(applyUserEvent(state, readSelf(15)))).toEqual([0, 0, false]);
  expect(standingOf(applyUserEvent(state, readSelf(13)))).toEqual([2, 2, false]);
});

test("what cannot be told from what is here is read anew, and until then stays as it was", () => {
  const gone = event(11, "msg.del", {
    messageId: "m6",
    messageSeq: 6,
    actorId: MINH,
    deletedAt: AT,
  });
  expect(standingOf(applyEvent(open(NEWEST), gone))).toEqual([5, 0, true]);
  expect(standingOf(applyUserEvent(open(NEWEST), readSelf(6)))).toEqual([5, 0, true]);
  const full = open(NEWEST, { unread: 1_000 });
  expect(standingOf(applyEvent(full, said(11)))[2]).toBe(true);
  const role = { userId: ME, role: "admin" as const, actorId: MINH };
  expect(standingOf(applyEvent(open(NEWEST), event(11, "role", role)))[2]).toBe(true);
  const other = { ...role, userId: HOA };
  expect(standingOf(applyEvent(open(NEWEST), event(11, "role", other)))[2]).toBe(false);
});

test("who comes and goes is counted, and how one wants to hear of it is kept", () => {
  const added = applyEvent(open(NEWEST), event(11, "member", { op: "add", userId: "nam" }));
  const left = applyEvent(added, event(12, "member", { op: "remove", userId: HOA }));
  const counts = [added, left].map((state) => infoOf(state).memberCount);
  expect(counts).toEqual([4, 3]);
  const data = { conversationId: ID, muted: "forever", archived: true, notify: "none" };
  const set = applyUserEvent(left, { seq: 1, at: 0, kind: "setting", data } as UserEvent);
  expect(set.conversations[ID]?.info).toMatchObject({ archived: true, notify: "none" });
  expect(applyEvent(set, event(12, "member", { op: "remove", userId: HOA }))).toBe(set);
});

const changes = array(
  record({
    kind: constantFrom("send", "edit", "del", "read"),
    at: nat(20),
    mine: boolean(),
    named: boolean(),
  }),
  { maxLength: 30 },
);

test("with all messages at hand, the counts are those of counting them, whatever happens", () => {
  assert(
    property(changes, (list) => {
      const info = { ...conversation(10), memberCount: 3, readSeq: 0, unread: 3, mentions: 0 };
      const listed = withConversations(emptyChat(ME), [info]);
      const page = { items: NEWEST, hasOlder: false, cursor: null, at: 10 };
      let state = openWindow(listed, ID, page);
      let seq = 10;
      for (const change of list) state = step(state, change, (seq += 1));
      const { readSeq } = infoOf(state);
      const unread = (state.conversations[ID]?.window?.messages ?? []).filter(
        (one) => one.seq > readSeq && one.senderId !== ME && one.deletedAt === undefined,
      );
      const mentions = unread.filter((one) => one.mentions?.includes(ME));
      expect(standingOf(state)).toEqual([unread.length, mentions.length, false]);
    }),
  );
});

interface Change {
  kind: string;
  at: number;
  mine: boolean;
  named: boolean;
}

function step(state: ChatState, { kind, at, mine, named }: Change, seq: number): ChatState {
  const mentions = named ? [ME] : [];
  if (kind === "read") return applyUserEvent(state, readSelf(at));
  const messages = state.conversations[ID]?.window?.messages ?? [];
  const target = messages[at % messages.length]?.seq ?? 0;
  const about = { messageId: `m${target}`, messageSeq: target, actorId: MINH };
  const edit = { body: "new", rev: seq, editedAt: AT, mentions, mentionsAll: false, tickers: [] };
  const happened: ChatEvent =
    kind === "send"
      ? said(seq, { senderId: mine ? ME : MINH, ...(named ? { mentions } : {}) })
      : kind === "edit"
        ? event(seq, "msg.edit", { ...about, ...edit })
        : event(seq, "msg.del", { ...about, deletedAt: AT });
  return applyEvent(state, happened);
}
