import { expect, test } from "bun:test";

import { createRoster } from "../../../src/features/presence/service/roster.ts";
import { quietConnection } from "../../support/connection.ts";

const LINGER_MS = 1_000;

function open() {
  const clock = { now: 0 };
  const roster = createRoster({ lingerMs: LINGER_MS, clock: () => clock.now });
  const pass = (ms: number) => {
    clock.now += ms;
    roster.expire();
  };
  return { roster, pass, changes: () => roster.takeChanges(100) };
}
const socketOf = (userId: string) => quietConnection({ id: crypto.randomUUID(), userId });

test("a user is what the best of their sockets says, and only a change is written", () => {
  const { roster, changes } = open();
  const [phone, laptop] = [socketOf("lan"), socketOf("lan")];
  roster.set(phone, "away");
  expect(changes()).toEqual([["lan", "away"]]);
  roster.set(laptop, "online");
  expect(changes()).toEqual([["lan", "online"]]);
  roster.set(phone, "online");
  roster.remove(phone);
  expect(changes()).toEqual([]);
  roster.set(laptop, "away");
  expect(changes()).toEqual([["lan", "away"]]);
});

test("who leaves stays for a while as they were, and goes unless they come back", () => {
  const { roster, pass, changes } = open();
  const [lan, minh] = [socketOf("lan"), socketOf("minh")];
  for (const socket of [lan, minh]) roster.set(socket, "online");
  changes();
  for (const socket of [lan, minh]) roster.remove(socket);
  pass(LINGER_MS - 1);
  roster.set(minh, "online");
  expect([changes(), roster.count()]).toEqual([[], 2]);
  pass(1);
  expect([changes(), roster.count()]).toEqual([[["lan", undefined]], 1]);
  // The second leaving counts from the second leaving.
  roster.remove(minh);
  pass(LINGER_MS - 1);
  expect(changes()).toEqual([]);
  pass(1);
  expect([changes(), roster.count()]).toEqual([[["minh", undefined]], 0]);
});

test("after any coming and going, what was written is what is", () => {
  const { roster, pass, changes } = open();
  const written = new Map<string, string>();
  const sockets = Array.from({ length: 40 }, (_, at) => socketOf(`user ${at % 7}`));
  const present = new Set<(typeof sockets)[number]>();
  // A fixed walk, so that a failure can be seen again.
  for (let step = 0, seed = 7; step < 5_000; step += 1) {
    seed = (seed * 16_807) % 2_147_483_647;
    const socket = sockets[seed % sockets.length];
    if (!socket) continue;
    if (seed % 3 === 0) {
      roster.remove(socket);
      present.delete(socket);
    } else {
      roster.set(socket, seed % 5 === 0 ? "away" : "online");
      present.add(socket);
    }
    if (seed % 11 === 0) pass(LINGER_MS / 4);
    const limit = seed % 4;
    const taken = roster.takeChanges(limit);
    if (seed % 13 === 0) roster.giveBack(taken.map(([userId]) => userId));
    else
      for (const [userId, status] of taken)
        if (status === undefined) written.delete(userId);
        else written.set(userId, status);
  }
  for (const socket of present) roster.remove(socket);
  pass(LINGER_MS);
  for (const [userId] of changes()) written.delete(userId);
  expect([written.size, roster.count(), changes()]).toEqual([0, 0, []]);
});

test("everybody is written anew when it is asked for, and nobody twice", () => {
  const { roster, changes } = open();
  for (const name of ["lan", "minh"]) roster.set(socketOf(name), "online");
  changes();
  roster.rewrite();
  expect(changes()).toEqual([
    ["lan", "online"],
    ["minh", "online"],
  ]);
  expect(changes()).toEqual([]);
});
