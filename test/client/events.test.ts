import { expect, test } from "bun:test";
import { join } from "node:path";

import { toEvent, toUserEvent } from "../../src/client/events.ts";
import { ChatEvents } from "../../src/features/chat/schema/events.ts";
import { listUserEvents } from "../../src/platform/realtime/user_events.ts";

const ROOT = join(import.meta.dir, "../..");

test("every kind of event that the server can tell is known to the client", async () => {
  for (const pattern of ["src/features/*/schema.ts", "src/features/*/schema/*.ts"])
    for await (const path of new Bun.Glob(pattern).scan(ROOT)) await import(join(ROOT, path));
  const frame = { t: "ev", ch: "c:1", seq: 1, d: {}, ts: 5 } as const;
  for (const k of Object.keys(ChatEvents))
    expect([k, toEvent({ ...frame, k })?.kind]).toEqual([k, k]);
  const own = listUserEvents().map(({ name }) => name);
  expect(own.length).toBeGreaterThan(0);
  for (const k of own) expect([k, toUserEvent({ ...frame, ch: "u", k })?.kind]).toEqual([k, k]);
});

test("an event of a kind that nobody knows is none", () => {
  const frame = { t: "ev", ch: "c:1", seq: 1, k: "toString", d: {} } as const;
  expect([toEvent(frame), toUserEvent(frame)]).toEqual([undefined, undefined]);
});
