import { expect, test } from "bun:test";

import { ephemeralTopic } from "../../../src/platform/realtime/connection.ts";
import {
  EPHEMERAL_BYTES,
  HOLD_BYTES,
  MAX_BATCH,
  MEMORY_SHARE,
  scaleLimits,
} from "../../../src/platform/realtime/limits.ts";
import { openTestGateway } from "../../support/gateway.ts";
import { until } from "../../support/poll.ts";
import { openSlowLine } from "../../support/slow_line.ts";
import { openRawSocket, openSocket } from "../../support/socket.ts";

/** More than all buffers between two processes of one machine hold. */
const FLOOD_BYTES = 24_000_000;
const TEXT = JSON.stringify({ t: "ev", text: "x".repeat(20_000) });
const LONG_TEST_MS = 30_000;

test("a batch of 64 frames gets its 64 answers, in their order and as one text", async () => {
  using served = openTestGateway();
  const socket = await openSocket(served.url, "lan");
  const frames = Array.from({ length: MAX_BATCH }, (_, i) => ({ t: "hb", i: i + 2 }));
  socket.send(frames);
  await socket.next(({ i }) => i === MAX_BATCH + 1);
  const answers = socket.frames.slice(1);
  expect(answers.map(({ t, i }) => [t, i])).toEqual(frames.map(({ i }) => ["hb.ok", i]));
  expect(socket.batches()).toBe(1);
  for (const { i } of frames) socket.send({ t: "hb", i: i + 1_000 });
  await socket.next(({ i }) => i === MAX_BATCH + 1_001);
  expect(socket.batches()).toBe(1);
});

test("every frame with a number is answered once, also where there is nothing to say", async () => {
  using served = openTestGateway();
  const socket = await openSocket(served.url, "lan");
  const frames = [
    { t: "say", i: 2 },
    { t: "say", i: 3, text: "x" },
    { t: "say" },
    { t: "say", i: 4, text: 5 },
    { t: "say", i: 5, text: "\u0000" },
    { t: "nothing", i: 6 },
    { t: "say", i: 7 },
  ];
  socket.send(frames);
  await socket.next(({ i }) => i === 7);
  expect(socket.frames.slice(1).map(({ t, i }) => [t, i])).toEqual([
    ["ok", 2],
    ["said", 3],
    ["err", 4],
    ["err", 5],
    ["err", 6],
    ["ok", 7],
  ]);
});

test("frames beyond the rate are refused with the time to wait, and are taken after it", async () => {
  const frames = { count: 10, perMs: 1_000, burst: 5 };
  using served = openTestGateway({ limits: { ...scaleLimits(1), frames } });
  const socket = await openSocket(served.url, "lan");
  socket.send(Array.from({ length: 8 }, (_, i) => ({ t: "say", i: i + 2, text: "x" })));
  const refusal = await socket.next(({ i }) => i === 9);
  expect(socket.frames.slice(1).map(({ t }) => t)).toEqual([
    ...Array<string>(5).fill("said"),
    ...Array<string>(3).fill("err"),
  ]);
  expect(refusal).toMatchObject({ t: "err", c: 4290, m: "rate_limited", retry: true });
  expect(refusal["after"]).toBeLessThanOrEqual(100);
  let number = 10;
  await until("the rate allows one more", () => {
    socket.send({ t: "say", i: (number += 1), text: "x" });
    return socket.frames.some(({ t, i }) => t === "said" && (i ?? 0) > 10);
  });
});

test("a client that goes on sending without regard is closed with 4029", async () => {
  const frames = { count: 1, perMs: 60_000, burst: 5 };
  using served = openTestGateway({ limits: { ...scaleLimits(1), frames } });
  const socket = await openSocket(served.url, "lan");
  let [code, number] = [0, 10];
  void socket.closed.then((closed) => (code = closed.code));
  await until("the end", () => {
    socket.send({ t: "say", i: (number += 1) });
    return code !== 0;
  });
  expect(code).toBe(4029);
});

test("there is a number of sockets beyond which none is opened, and a rate for one caller", async () => {
  const scaled = scaleLimits(1);
  using full = openTestGateway({ limits: { ...scaled, sockets: 2 } });
  const [first] = [await openRawSocket(full.url), await openRawSocket(full.url)];
  const refused = await fetch(full.url);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
  first?.close();
  await until("a place is free", () => full.gateway.gauges().sockets === 1);
  await openRawSocket(full.url);

  const connects = { count: 1, perMs: 30_000, burst: 3 };
  using hurried = openTestGateway({ limits: { ...scaled, connects } });
  for (let count = 0; count < 3; count += 1) await openRawSocket(hurried.url);
  const late = await fetch(hurried.url);
  expect([late.status, await late.text()]).toEqual([429, "rate_limited"]);
  expect(Number(late.headers.get("retry-after"))).toBeGreaterThan(25);
});

test("a gateway that is being stopped opens no socket", async () => {
  using served = openTestGateway();
  const socket = await openSocket(served.url, "lan");
  await served.gateway.drain();
  expect((await socket.closed).code).toBe(4001);
  expect(await openRawSocket(served.url).catch(() => "refused")).toBe("refused");
});

test("a hello is refused by a code that says why", async () => {
  using served = openTestGateway();
  const closes = await Promise.all(
    ["bad", "banned", "broken"].map(async (tok) => {
      const socket = await openRawSocket(served.url);
      socket.send({ t: "hello", v: 1, tok });
      return await socket.closed;
    }),
  );
  expect(closes).toEqual([
    { code: 4401, reason: "token_invalid" },
    { code: 4403, reason: "forbidden" },
    { code: 4000, reason: "dependency_unavailable" },
  ]);
});

test("a hello that came in time is served however long that takes, and one that did not closes with 4408", async () => {
  const granted = Promise.withResolvers<void>();
  const never = Number.MAX_SAFE_INTEGER;
  using served = openTestGateway({
    helloTimeoutMs: 200,
    authenticate: async ({ token }) => {
      await granted.promise;
      return { userId: token, sessionId: token, validUntil: never, endsAt: never };
    },
  });
  const prompt = await openRawSocket(served.url);
  prompt.send({ t: "hello", v: 1, tok: "lan" });
  const silent = await openRawSocket(served.url);
  expect((await silent.closed).code).toBe(4408);
  granted.resolve();
  expect((await prompt.next(({ t }) => t === "hello.ok")).t).toBe("hello.ok");
});

test("all gauges return to zero", async () => {
  using served = openTestGateway();
  const sockets = await Promise.all(["a", "b", "c"].map((token) => openSocket(served.url, token)));
  expect(served.gateway.gauges()).toMatchObject({ sockets: 3, authorities: 3 });
  for (const socket of sockets) socket.close();
  await until("all have gone", () => served.gateway.gauges().sockets === 0);
  const nothing = { sockets: 0, authorities: 0, waitingBytes: 0, closed: 0 };
  expect(served.gateway.gauges()).toEqual(nothing);
  expect(served.connections).toEqual([]);
});

test(
  "a slow reader first loses what may be lost, alone, and has it again once it has read the rest",
  async () => {
    using served = openTestGateway();
    using line = await openSlowLine(served.url);
    const [quick, slow] = [
      await openSocket(served.url, "quick"),
      await openSocket(line.url, "slow"),
    ];
    const [, connection] = served.connections;
    for (const each of served.connections) each.watch("c:all");
    line.stall();
    // Only as much as makes the reader slow.
    const filler = JSON.stringify({ t: "fill", text: "x".repeat(EPHEMERAL_BYTES / 8) });
    await until(
      "what may be lost is kept from the slow reader",
      () => {
        connection?.send(filler);
        return served.gateway.gauges().waitingBytes > EPHEMERAL_BYTES;
      },
      LONG_TEST_MS,
    );
    const ephemeral = (n: number) => JSON.stringify({ t: "eph", n });
    served.publish(ephemeralTopic("c:all"), ephemeral(1));
    connection?.sendEphemeral(ephemeral(2));
    served.publish("c:all", JSON.stringify({ t: "ev", n: 3 }));
    await quick.next(({ n }) => n === 3);
    line.flow();
    await slow.next(({ n }) => n === 3);
    await until("it is brought back", () => {
      served.publish(ephemeralTopic("c:all"), ephemeral(4));
      return slow.frames.some(({ n }) => n === 4);
    });
    const seen = (frames: typeof slow.frames) =>
      new Set(frames.filter(({ t }) => t === "eph").map(({ n }) => n));
    expect(seen(slow.frames)).toEqual(new Set([4]));
    expect(seen(quick.frames)).toEqual(new Set([1, 4]));
  },
  LONG_TEST_MS,
);

test(
  "who asks for more than it reads gets all of it later, and is not closed for that",
  async () => {
    using served = openTestGateway();
    using line = await openSlowLine(served.url);
    const slow = await openSocket(line.url, "slow");
    const size = 100_000;
    const count = FLOOD_BYTES / size;
    line.stall();
    for (let i = 2; i < count + 2; i += 1) slow.send({ t: "fill", i, size });
    await until(
      "its answers wait",
      () => served.gateway.gauges().waitingBytes >= HOLD_BYTES,
      LONG_TEST_MS,
    );
    // The gauges are of the last look; one more would have closed whoever has too much.
    const sockets = served.gateway.gauges().sockets;
    line.flow();
    await slow.next(({ i }) => i === count + 1, "the last answer");
    expect(sockets).toBe(1);
    const numbers = slow.frames.slice(1).map(({ i }) => i);
    expect(numbers).toEqual(Array.from({ length: count }, (_, at) => at + 2));
    expect(served.gateway.gauges().sockets).toBe(1);
  },
  LONG_TEST_MS,
);

test(
  "a gateway that is being stopped does not wait for who does not read",
  async () => {
    using served = openTestGateway();
    using line = await openSlowLine(served.url);
    const slow = await openSocket(line.url, "slow");
    line.stall();
    for (let i = 2; i < 242; i += 1) slow.send({ t: "fill", i, size: 100_000 });
    const waits = () => served.gateway.gauges().waitingBytes >= HOLD_BYTES;
    await until("its answers wait", waits, LONG_TEST_MS);
    await served.gateway.drain();
    expect(served.gateway.gauges().sockets).toBe(0);
  },
  LONG_TEST_MS,
);

test(
  "a reader that falls a megabyte behind is closed, and nobody beside it notices",
  async () => {
    using served = openTestGateway();
    using line = await openSlowLine(served.url);
    const quick = await openSocket(served.url, "quick");
    const slow = await openSocket(line.url, "slow");
    line.stall();
    let sent = 0;
    await until(
      "the slow reader is closed",
      () => {
        served.publish("c:all", TEXT);
        sent += 1;
        expect(sent * TEXT.length).toBeLessThan(FLOOD_BYTES);
        return served.gateway.gauges().sockets === 1;
      },
      LONG_TEST_MS,
    );
    await until("the quick reader has all", () => quick.frames.length === sent + 1, LONG_TEST_MS);
    line.flow();
    // With a word where the next look came in time, without one where Bun itself was faster.
    expect([4002, 1006]).toContain((await slow.closed).code);
  },
  LONG_TEST_MS,
);

test(
  "over the memory for all sockets, the one with the most waiting goes first",
  async () => {
    using served = openTestGateway({ memoryBytes: 300_000 / MEMORY_SHARE });
    using line = await openSlowLine(served.url);
    const quick = await openSocket(served.url, "quick");
    const slow = await openSocket(line.url, "slow");
    line.stall();
    const [, connection] = served.connections;
    let sent = 0;
    await until(
      "it is closed",
      () => {
        connection?.send(JSON.stringify({ t: "fill", text: "x".repeat(6_000) }));
        sent += 6_000;
        expect(sent).toBeLessThan(FLOOD_BYTES);
        return served.gateway.gauges().sockets === 1;
      },
      LONG_TEST_MS,
    );
    line.flow();
    expect((await slow.closed).code).toBe(1006);
    quick.send({ t: "say", i: 9 });
    expect((await quick.next(({ i }) => i === 9)).t).toBe("ok");
  },
  LONG_TEST_MS,
);
