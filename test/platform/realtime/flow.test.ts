import { expect, test } from "bun:test";

import {
  type FlowBounds,
  type Flowing,
  regulate,
  relax,
} from "../../../src/platform/realtime/flow.ts";
import { EPHEMERAL_BYTES, SLOW_BYTES } from "../../../src/platform/realtime/limits.ts";

/** A socket for which so much waits, and what was done to it. */
function socketWith(buffered: number, lineBytes = 0) {
  const done: string[] = [];
  const ws: Flowing = {
    getBufferedAmount: () => buffered,
    close: (code) => void done.push(`close ${code}`),
    terminate: () => void done.push("terminate"),
    data: {
      lineBytes,
      room: undefined,
      connection: { shed: () => done.push("shed"), restore: () => done.push("restore") },
    },
  };
  return { ws, done };
}

test("a slow reader first loses what may be lost, then its socket; the others keep both", () => {
  const sockets = [0, EPHEMERAL_BYTES - 1, EPHEMERAL_BYTES, SLOW_BYTES - 1, SLOW_BYTES].map(
    (bytes) => socketWith(bytes),
  );
  const parting: FlowBounds["parting"] = [];
  const flow = regulate(
    sockets.map(({ ws }) => ws),
    { maxBytes: Number.POSITIVE_INFINITY, parting },
  );
  expect(sockets.map(({ done }) => done)).toEqual([[], [], ["shed"], ["shed"], ["close 4002"]]);
  const waitingBytes = 2 * EPHEMERAL_BYTES - 1 + 2 * SLOW_BYTES - 1;
  expect(flow).toEqual({ waitingBytes, closed: 1 });
  // What it is still told counts for a while after its close.
  expect(regulate([], { maxBytes: 1, parting })).toEqual({ waitingBytes: SLOW_BYTES, closed: 0 });
  for (const each of parting) each.until = 0;
  expect(regulate([], { maxBytes: 1, parting })).toEqual({ waitingBytes: 0, closed: 0 });
});

test("a socket that has read what waited gets again what may be lost, and not before that", () => {
  const [full, free] = [socketWith(EPHEMERAL_BYTES), socketWith(EPHEMERAL_BYTES - 1)];
  relax(full.ws);
  relax(free.ws);
  expect([full.done, free.done]).toEqual([[], ["restore"]]);
});

function boundAt(maxBytes: number): FlowBounds {
  return { maxBytes, parting: [] };
}

test("over the cap of all sockets together, those with the most waiting go first, and no more than needed", () => {
  const sizes = [1_000, 9_000, 3_000, 8_000, 2_000];
  const sockets = sizes.map((bytes, at) => (at === 3 ? socketWith(0, bytes) : socketWith(bytes)));
  const all = sockets.map(({ ws }) => ws);
  expect(regulate(all, boundAt(23_000))).toEqual({ waitingBytes: 23_000, closed: 0 });
  expect(sockets.every(({ done }) => done.length === 0)).toBe(true);
  expect(regulate(all, boundAt(20_000))).toEqual({ waitingBytes: 14_000, closed: 1 });
  expect(sockets.map(({ done }) => done)).toEqual([[], ["terminate"], [], [], []]);
  expect(regulate(all, boundAt(8_000))).toEqual({ waitingBytes: 6_000, closed: 2 });
  expect(sockets[3]?.done).toEqual(["terminate"]);
  expect(sockets[2]?.done).toEqual([]);
});

test("where the memory is used up, slow readers go without a word, which would have to wait too", () => {
  const sockets = [socketWith(SLOW_BYTES), socketWith(SLOW_BYTES), socketWith(SLOW_BYTES)];
  const all = sockets.map(({ ws }) => ws);
  const flow = regulate(all, boundAt(2.5 * SLOW_BYTES));
  expect(sockets.map(({ done }) => done)).toEqual([
    ["close 4002"],
    ["close 4002"],
    ["shed", "terminate"],
  ]);
  expect(flow.closed).toBe(3);
});
