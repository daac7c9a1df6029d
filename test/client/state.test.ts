import { expect, test } from "bun:test";

import {
  addOlder,
  applyEphemeral,
  applyEvent,
  applyOutbox,
  applyReset,
  applyUserEvent,
  type ChatEvent,
  type ChatState,
  dismiss,
  emptyChat,
  expireTyping,
  type Message,
  messagesOf,
  openWindow,
  readersOf,
  typingIn,
  type Waiting,
  withBlocked,
  withConversations,
} from "../../src/client/mod.ts";
import { AT, conversation, event, HOA, ID, ME, message, MINH, open, said } from "./small_chat.ts";

function messageAt(state: ChatState, seq: number): Message | undefined {
  return state.conversations[ID]?.window?.messages.find((found) => found.seq === seq);
}

const ABOUT = { messageId: "m3", messageSeq: 3, actorId: MINH };

test("messages come, change, are reacted to, pinned and deleted, and each leaves what was not touched as it is", () => {
  const before = open();
  const edited = {
    body: "new",
    rev: 1,
    editedAt: AT,
    mentions: [ME],
    mentionsAll: false,
    tickers: [],
  };
  const first = applyEvent(before, event(5, "msg.edit", { ...ABOUT, ...edited }));
  expect(messageAt(first, 3)).toEqual(
    message(3, { body: "new", rev: 1, editedAt: AT, mentions: [ME] }),
  );
  expect(messageAt(first, 2)).toBe(messageAt(before, 2) as Message);
  expect(messageAt(before, 3)?.body).toBe("n 3");
  const reaction = { messageId: "m3", messageSeq: 3, emoji: "👍", on: true };
  const second = applyEvent(first, event(6, "react", { ...reaction, userId: MINH, count: 1 }));
  const third = applyEvent(second, event(7, "react", { ...reaction, userId: ME, count: 2 }));
  expect(messageAt(third, 3)?.reactions).toEqual([{ emoji: "👍", count: 2, mine: true }]);
  const off = { ...reaction, on: false };
  const fourth = applyEvent(third, event(8, "react", { ...off, userId: ME, count: 1 }));
  expect(messageAt(fourth, 3)?.reactions).toEqual([{ emoji: "👍", count: 1, mine: false }]);
  const fifth = applyEvent(fourth, event(9, "react", { ...off, userId: MINH, count: 0 }));
  expect(messageAt(fifth, 3)?.reactions).toBeUndefined();
  const pinned = applyEvent(fifth, event(10, "pin", { ...ABOUT, on: true }));
  expect(pinned.conversations[ID]?.pins?.seqs).toEqual([3]);
  const gone = applyEvent(pinned, event(11, "msg.del", { ...ABOUT, deletedAt: AT }));
  expect(messageAt(gone, 3)).toEqual(message(3, { body: "", rev: 1, editedAt: AT, deletedAt: AT }));
  expect(gone.conversations[ID]?.pins?.seqs).toEqual([]);
  expect(gone.conversations[ID]?.info.lastSeq).toBe(11);
});

test("an event that comes again, is older, or is of a kind that nobody knows changes nothing at all", () => {
  const before = applyEvent(open(), said(5));
  expect(applyEvent(before, said(5))).toBe(before);
  expect(applyEvent(before, said(4, { body: "other" }))).toBe(before);
  const unknown = { ...said(6), kind: "poll.new" } as unknown as ChatEvent;
  expect(messagesOf(applyEvent(before, unknown), ID)).toBe(messagesOf(before, ID));
  const deleted = applyEvent(before, event(6, "msg.del", { ...ABOUT, deletedAt: AT }));
  const edit = {
    body: "back",
    rev: 9,
    editedAt: AT,
    mentions: [],
    mentionsAll: false,
    tickers: [],
  };
  const after = applyEvent(deleted, event(7, "msg.edit", { ...ABOUT, ...edit }));
  expect(messageAt(after, 3)).toBe(messageAt(deleted, 3) as Message);
});

test("members come, go and change their roles; who is taken out keeps nothing, and who is brought in reads anew", () => {
  const added = applyEvent(
    open(),
    event(5, "member", { op: "add", userId: "nam", role: "reader" }),
  );
  const role = { userId: MINH, role: "admin" as const, actorId: ME };
  const raised = applyEvent(added, event(6, "role", role));
  const left = applyEvent(raised, event(7, "member", { op: "remove", userId: HOA }));
  const { byId } = left.conversations[ID]?.members ?? {};
  expect(Object.values(byId ?? {}).map((member) => [member.userId, member.role])).toEqual([
    [ME, "member"],
    [MINH, "admin"],
    ["nam", "reader"],
  ]);
  const out = applyEvent(left, event(8, "member", { op: "remove", userId: ME }));
  expect([out.conversations, out.opened, out.wanted]).toEqual([{}, [], []]);
  const back = applyEvent(out, event(9, "member", { op: "add", userId: ME }));
  expect([back.conversations, back.wanted]).toEqual([{}, [ID]]);
  const read = withConversations(back, [conversation(9)]);
  expect([Object.keys(read.conversations), read.wanted]).toEqual([[ID], []]);
});

test("the user's own stream brings conversations, takes them, and tells whom the user has blocked", () => {
  const place = { seq: 1, at: 0 };
  const added = applyUserEvent(emptyChat(ME), {
    ...place,
    kind: "conv.add",
    data: { conversationId: ID },
  });
  expect(added.wanted).toEqual([ID]);
  const blocked = applyUserEvent(added, {
    ...place,
    kind: "block",
    data: { userId: HOA, on: true },
  });
  expect(blocked.blocked).toEqual([HOA]);
  const again = { ...place, kind: "block" as const, data: { userId: HOA, on: true } };
  expect(applyUserEvent(blocked, again)).toBe(blocked);
  const group = withBlocked(applyEvent(open(), said(5, { senderId: HOA })), [HOA]);
  expect(messagesOf(group, ID).map(({ isHidden }) => isHidden)).toEqual([
    undefined,
    undefined,
    undefined,
    true,
  ]);
  expect(messagesOf(withBlocked(group, []), ID)).toHaveLength(4);
  const gone = applyUserEvent(open(), { ...place, kind: "conv.rm", data: { conversationId: ID } });
  expect(gone.conversations).toEqual({});
});

test("after a gap nothing joins the messages that are there, until they were read anew", () => {
  const torn = applyReset(open(), { conversationId: ID });
  const after = applyEvent(torn, said(90));
  expect(after.wanted).toEqual([ID]);
  expect(messagesOf(after, ID)).toHaveLength(3);
  const page = { items: [message(90), message(89)], hasOlder: true, cursor: null, at: 90 };
  const whole = openWindow(withConversations(after, [conversation(90)]), ID, page);
  expect([whole.wanted, messagesOf(whole, ID).map(({ seq }) => seq)]).toEqual([[], [89, 90]]);
  expect(messagesOf(applyEvent(whole, said(91)), ID)).toHaveLength(3);
});

function waiting(command: Waiting["command"], id = "cid 5"): Waiting {
  return { id, command, conversationId: ID, writtenAt: Date.parse(AT), expiresAt: Infinity };
}

test("a message shows while it waits, once when its event comes, whichever of event and acknowledgement is first", () => {
  const entry = waiting({ t: "send", ch: `c:${ID}`, cid: "cid 5", body: "mine" });
  const queued = applyOutbox(open(), { op: "queued", entry });
  const own = { id: "m5", senderId: ME, body: "mine" };
  expect(messagesOf(queued, ID).at(-1)).toMatchObject({ body: "mine", pending: "waiting" });
  const acked = applyOutbox(queued, { op: "done", entry, message: { id: "m5", seq: 5 } });
  expect(messagesOf(acked, ID).filter(({ body }) => body === "mine")).toEqual([
    { clientId: "cid 5", senderId: ME, body: "mine", createdAt: AT },
  ]);
  const shown = applyEvent(acked, said(5, own));
  expect([shown.outbox, messagesOf(shown, ID).length]).toEqual([[], 4]);
  const early = applyEvent(queued, said(5, own));
  const late = applyOutbox(early, { op: "done", entry, message: { id: "m5", seq: 5 } });
  expect([late.outbox, messagesOf(late, ID).length]).toEqual([[], 4]);
  // Somebody else's message under the same id is somebody else's.
  expect(messagesOf(applyEvent(queued, said(5)), ID)).toHaveLength(5);
});

test("what was refused says so until it is dismissed, and what one has done oneself shows at once", () => {
  const entry = waiting({ t: "send", ch: `c:${ID}`, cid: "cid 5", body: "mine" });
  const queued = applyOutbox(open(), { op: "queued", entry });
  const refused = applyOutbox(queued, { op: "refused", entry, code: "forbidden" });
  expect(messagesOf(refused, ID).at(-1)).toMatchObject({ pending: "refused" });
  expect(messagesOf(dismiss(refused, "cid 5"), ID)).toHaveLength(3);
  const react = waiting({ t: "react", ch: `c:${ID}`, msg: 3, e: "👍", on: true }, "r");
  const reacted = applyOutbox(open(), { op: "queued", entry: react });
  expect(messagesOf(reacted, ID)[1]).toMatchObject({
    reactions: [{ emoji: "👍", count: 1, mine: true }],
    pending: "waiting",
  });
  const done = applyOutbox(reacted, { op: "done", entry: react });
  expect(messagesOf(done, ID)).toBe(
    messagesOf(open(), ID).length === 3 ? messagesOf(done, ID) : [],
  );
  const remove = waiting({ t: "del", ch: `c:${ID}`, msg: 3 }, "d");
  const deleted = applyOutbox(open(), { op: "queued", entry: remove });
  expect(messagesOf(deleted, ID)[1]).toMatchObject({ body: "", deletedAt: AT });
});

test("typing ends after six seconds, or with the message; reading only goes ahead", () => {
  const of = { channel: `c:${ID}`, conversationId: ID };
  const typing = applyEphemeral(open(), { ...of, userId: MINH, kind: "typing", on: true }, 1_000);
  expect([typingIn(typing, ID, 6_999), typingIn(typing, ID, 7_000)]).toEqual([[MINH], []]);
  expect(expireTyping(typing, 6_999)).toBe(typing);
  expect(expireTyping(typing, 7_000).conversations[ID]?.typing).toEqual({});
  expect(typingIn(applyEvent(typing, said(5)), ID, 1_001)).toEqual([]);
  const own = applyEphemeral(open(), { ...of, userId: ME, kind: "typing", on: true }, 1_000);
  expect(typingIn(own, ID, 1_001)).toEqual([]);
  const read = applyEphemeral(open(), { ...of, userId: MINH, kind: "read", seq: 3 }, 0);
  const back = applyEphemeral(read, { ...of, userId: MINH, kind: "read", seq: 2 }, 0);
  expect(back).toBe(read);
  expect([readersOf(read, ID, 3), readersOf(read, ID, 4)]).toEqual([[MINH], []]);
  const there = { ...of, userId: MINH, kind: "presence" as const, status: "online", at: null };
  expect(applyEphemeral(read, there, 0).presence).toEqual({ minh: { status: "online", at: null } });
});

test("older pages go before what is there, and a window holds so many messages and no more", () => {
  const listed = withConversations(emptyChat(ME), [conversation(3_000)]);
  const items = Array.from({ length: 50 }, (_, index) => message(3_000 - index));
  let state = openWindow(listed, ID, { items, hasOlder: true, cursor: null, at: 3_000 });
  for (let first = 2_951; first > 1; first -= 100) {
    const older = Array.from({ length: 100 }, (_, index) => message(first - 1 - index));
    state = addOlder(state, ID, { items: older, hasOlder: first > 101, cursor: null });
  }
  const { messages = [], hasOlder } = state.conversations[ID]?.window ?? {};
  expect([messages.length, messages.at(-1)?.seq, hasOlder]).toEqual([1_000, 3_000, true]);
  const after = applyEvent(state, said(3_001)).conversations[ID]?.window?.messages ?? [];
  expect([after.length, after[0]?.seq, after.at(-1)?.seq]).toEqual([1_000, 2_002, 3_001]);
});

test("of many conversations those that were opened last keep their messages", () => {
  const ids = Array.from({ length: 40 }, (_, index) => `c${index}`);
  let state = withConversations(
    emptyChat(ME),
    ids.map((id) => conversation(2, id)),
  );
  for (const id of ids)
    state = openWindow(state, id, { items: [message(2)], hasOlder: false, cursor: null, at: 2 });
  const kept = ids.filter((id) => state.conversations[id]?.window !== undefined);
  expect(kept).toEqual(ids.slice(-30));
});
