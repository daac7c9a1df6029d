import { expect, test } from "bun:test";

import { array, assert, boolean, constantFrom, integer, property, record } from "fast-check";

import { applyEvent, type ChatEvent, openWindow } from "../../src/client/mod.ts";
import { AT, event, HOA, ID, MINH, open, said } from "./small_chat.ts";

const changes = array(
  record({
    kind: constantFrom("send", "edit", "del", "react", "pin"),
    at: constantFrom(2, 3, 4),
    on: boolean(),
  }),
  { maxLength: 40 },
);

/** The events of a history, as a server would number them. */
function history(list: { kind: string; at: number; on: boolean }[]): ChatEvent[] {
  const counts = new Map<string, number>();
  return list.map(({ kind, at, on }, index) => {
    const seq = index + 5;
    const about = { messageId: `m${at}`, messageSeq: at, actorId: MINH };
    const edit = { rev: seq, editedAt: AT, mentions: [], mentionsAll: false, tickers: [] };
    if (kind === "edit") return event(seq, "msg.edit", { ...about, ...edit, body: `v ${seq}` });
    if (kind === "del") return event(seq, "msg.del", { ...about, deletedAt: AT });
    if (kind === "pin") return event(seq, "pin", { ...about, on });
    if (kind === "send") return said(seq);
    const count = Math.max(0, (counts.get(`${at}`) ?? 0) + (on ? 1 : -1));
    counts.set(`${at}`, count);
    return event(seq, "react", {
      messageId: `m${at}`,
      messageSeq: at,
      emoji: "👍",
      userId: HOA,
      on,
      count,
    });
  });
}

test("events that are told again, all of them or from any place on, lead to the same state", () => {
  assert(
    property(changes, integer({ min: 0, max: 40 }), (list, from) => {
      const events = history(list);
      const once = events.reduce(applyEvent, open());
      expect(events.slice(from).reduce(applyEvent, once)).toBe(once);
      // A window that was read later than its position says hears some events a second time.
      const half = events.slice(0, from).reduce(applyEvent, open());
      const place = half.conversations[ID]?.window;
      const page = { items: place?.messages ?? [], hasOlder: false, cursor: null, at: 4 };
      const later = events.reduce(applyEvent, openWindow(open(), ID, page));
      expect(later.conversations[ID]?.window).toEqual(once.conversations[ID]?.window);
    }),
  );
});
