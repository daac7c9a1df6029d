import { expect, test } from "bun:test";

import { converse, signUp } from "../../support/client.ts";
import { openCluster } from "../../support/instance.ts";
import { openSlowLine } from "../../support/slow_line.ts";
import { eventsOf, type Frame, openSocket, type TestSocket } from "../../support/socket.ts";

/** Together more than all buffers between two processes of one machine hold, and two megabytes beyond. */
const MESSAGES = 2_400;
const BODY = "x".repeat(3_900);
/** As many as fit into one frame. */
const BATCH = 15;
/** Of these the answers are waited for before the next ones. */
const IN_FLIGHT = 120;
const LONG_TEST_MS = 120_000;

async function say(socket: TestSocket, ch: string): Promise<void> {
  for (let sent = 0; sent < MESSAGES;) {
    for (const until = Math.min(MESSAGES, sent + IN_FLIGHT); sent < until; sent += BATCH)
      socket.send(
        Array.from({ length: BATCH }, (_, at) => ({
          t: "send",
          i: 100 + sent + at,
          ch,
          cid: crypto.randomUUID(),
          body: BODY,
        })),
      );
    const last = 99 + sent;
    await socket.next(({ t, i }) => t === "ack" && i === last, "the acks");
  }
}

/** Everything behind a position, page by page. */
async function resume(socket: TestSocket, ch: string, after: number): Promise<Frame[]> {
  const events: Frame[] = [];
  for (let more = true, i = 50; more; i += 1) {
    socket.send({ t: "sync", i, ch, from: events.at(-1)?.seq ?? after });
    const page = await socket.next((frame) => frame.t === "sync.ok" && frame.i === i, "a page");
    events.push(...(page["ev"] as Frame[]));
    more = page["more"] === true;
    if (page["reset"] === true) throw new Error("Cannot resume: the server begins anew");
  }
  return events;
}

test(
  "who stops reading is closed and later resumes complete, and those beside them get everything meanwhile",
  async () => {
    await using cluster = await openCluster({ worker: false });
    const { url } = await cluster.start();
    using line = await openSlowLine(url);
    const [lan, minh, an] = [await signUp(url), await signUp(url), await signUp(url)];
    const memberIds = [minh.id, an.id];
    const id = await converse(url, lan.token, { kind: "group", name: "All", memberIds });
    const ch = `c:${id}`;
    const sender = await openSocket(url, lan.token);
    const quick = await openSocket(url, minh.token);
    const slow = await openSocket(line.url, an.token, { since: 0 });
    const { chg } = slow.frames[0] as Frame & { chg: Record<string, number> };
    const from = chg[ch] ?? 0;

    line.stall();
    await say(sender, ch);
    const top = from + MESSAGES;
    // All of it comes while the other has read nothing.
    await quick.next(({ ch: channel, seq }) => channel === ch && seq === top, "the last one");
    const positions = Array.from({ length: MESSAGES }, (_, at) => from + 1 + at);
    expect(eventsOf(quick, id).map(({ seq }) => seq)).toEqual(positions);
    expect(eventsOf(slow, id)).toEqual([]);

    line.flow();
    const { code } = await slow.closed;
    expect([4002, 1006]).toContain(code);
    const seen = eventsOf(slow, id).map(({ seq }) => Number(seq));
    expect(seen).toEqual(positions.slice(0, seen.length));
    expect(seen.length).toBeLessThan(MESSAGES);
    const again = await openSocket(url, an.token, { since: 0 });
    const missed = await resume(again, ch, seen.at(-1) ?? from);
    expect([...seen, ...missed.map(({ seq }) => Number(seq))]).toEqual(positions);
  },
  LONG_TEST_MS,
);
