import { expect, test } from "bun:test";

import { converse, signUp } from "../../support/client.ts";
import { openCluster } from "../../support/instance.ts";
import { openSocket } from "../../support/socket.ts";

const SOCKETS = 6;
const MESSAGES = 60;

test("a stop under load acknowledges whatever it stored, and tells every socket when to come back", async () => {
  await using cluster = await openCluster();
  const instance = await cluster.start();
  const [lan, minh] = [await signUp(instance.url), await signUp(instance.url)];
  const id = await converse(instance.url, lan.token, { kind: "direct", userId: minh.id });
  const opening = Array.from({ length: SOCKETS }, () => openSocket(instance.url, lan.token));
  const sockets = await Promise.all(opening);
  for (const socket of sockets)
    for (let i = 2; i < MESSAGES + 2; i += 1)
      socket.send({ t: "send", i, ch: `c:${id}`, cid: crypto.randomUUID(), body: `message ${i}` });
  // By the first acknowledgement the rest is on its way or already waiting for its turn.
  await sockets[0]?.next((frame) => frame.t === "ack", "an ack");
  const stopped = instance.stop();

  for (const socket of sockets) {
    expect(await socket.closed).toEqual({ code: 4001, reason: "drain" });
    const last = socket.frames.at(-1);
    expect(last).toEqual({ t: "away", in: [0, expect.any(Number)], why: "deploy" });
    expect(socket.frames.filter((frame) => frame.t === "err")).toEqual([]);
  }
  expect(await stopped).toBe(0);
  const acknowledged = sockets.flatMap((socket) =>
    socket.frames.filter((frame) => frame.t === "ack").map((frame) => String(frame["msg"])),
  );
  const rows = await cluster.database.sql<{ id: string }[]>`select id from app.messages`;
  const stored = rows.map((row) => row.id).toSorted();
  expect(acknowledged.toSorted()).toEqual(stored.filter((row) => acknowledged.includes(row)));
  expect(stored.length - acknowledged.length).toBe(1);
}, 30_000);
