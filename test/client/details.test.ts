import { expect, test } from "bun:test";

import { applyEvent, type ChatState, withConversations } from "../../src/client/mod.ts";
import { conversation, event, ID, open, said } from "./small_chat.ts";

const DETAILS = {
  description: "old",
  history: "all" as const,
  memberPermissions: 7,
  slowModeSeconds: 0,
};
const change = (seq: number, description: string, name = "VN30") =>
  event(seq, "conv", { op: "update", kind: "group", name, ...DETAILS, description });
const infoOf = (state: ChatState) => state.conversations[ID]?.info;

test("a list that is ahead of the events leaves the details to those events, and its own words as they are", () => {
  const known = withConversations(open(), [{ ...conversation(4), ...DETAILS }]);
  const listed = withConversations(known, [{ ...conversation(9), name: "newest" }]);
  expect(infoOf(listed)).toMatchObject({ lastSeq: 9, name: "newest", description: "old" });
  const first = applyEvent(listed, change(6, "new", "newer"));
  expect(infoOf(first)).toMatchObject({ lastSeq: 9, name: "newest", description: "new" });
  const again = withConversations(first, [{ ...conversation(9), name: "newest" }]);
  expect(infoOf(applyEvent(again, change(5, "older")))?.description).toBe("new");
  expect(infoOf(applyEvent(again, change(8, "newest")))?.description).toBe("newest");
});

test("details that were read with the rest are as new as that, and no older event changes them", () => {
  const known = withConversations(open(), [{ ...conversation(4), ...DETAILS }]);
  const listed = withConversations(known, [conversation(9)]);
  const read = withConversations(listed, [{ ...conversation(9), ...DETAILS, description: "read" }]);
  expect(infoOf(applyEvent(read, change(6, "older")))?.description).toBe("read");
  const moved = applyEvent(applyEvent(read, said(10)), change(11, "new"));
  expect(infoOf(moved)).toMatchObject({ lastSeq: 11, description: "new" });
});

test("events behind a list that was no further change the details as ever", () => {
  const known = withConversations(open(), [{ ...conversation(4), ...DETAILS }]);
  const listed = withConversations(known, [conversation(4)]);
  expect(infoOf(applyEvent(listed, change(5, "new")))?.description).toBe("new");
});
