import { expect, test } from "bun:test";

import { type Flowing, regulate, relax } from "../../../src/platform/realtime/flow.ts";
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
      connection: { shed: () => done.push("shed"), restore: () => done.push("restore") },
    },
  };
  return { ws, done };
}

test("a slow reader first loses what may be lost, then its socket; the others keep both", () => {
  const sockets = [0, EPHEMERAL_BYTES - 1, EPHEMERAL_BYTES, SLOW_BYTES - 1, SLOW_BYTES].map(
    (bytes) => socketWith(bytes),
  );
  const flow = regulate(
    sockets.map(({ ws }) => ws),
    Number.POSITIVE_INFINITY,
  );
  expect(sockets.map(({ done }) => done)).toEqual([[], [], ["shed"], ["shed"], ["close 4002"]]);
  expect(flow).toEqual({ waitingBytes: 2 * EPHEMERAL_BYTES - 1 + SLOW_BYTES - 1, closed: 1 });
});

test("a socket that has read what waited gets again what may be lost, and not before that", () => {
  const [full, free] = [socketWith(EPHEMERAL_BYTES), socketWith(EPHEMERAL_BYTES - 1)];
  relax(full.ws);
  relax(free.ws);
  expect([full.done, free.done]).toEqual([[], ["restore"]]);
});

test("over the cap of all sockets together, those with the most waiting go first, and no more than needed", () => {
  const sizes = [1_000, 9_000, 3_000, 8_000, 2_000];
  const sockets = sizes.map((bytes, at) => (at === 3 ? socketWith(0, bytes) : socketWith(bytes)));
  const all = sockets.map(({ ws }) => ws);
  expect(regulate(all, 23_000)).toEqual({ waitingBytes: 23_000, closed: 0 });
  expect(sockets.every(({ done }) => done.length === 0)).toBe(true);
  expect(regulate(all, 20_000)).toEqual({ waitingBytes: 14_000, closed: 1 });
  expect(sockets.map(({ done }) => done)).toEqual([[], ["terminate"], [], [], []]);
  expect(regulate(all, 8_000)).toEqual({ waitingBytes: 6_000, closed: 2 });
  expect(sockets[3]?.done).toEqual(["terminate"]);
  expect(sockets[2]?.done).toEqual([]);
});
