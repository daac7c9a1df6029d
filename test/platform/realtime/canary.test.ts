import { expect, test } from "bun:test";

import { createCanary } from "../../../src/platform/realtime/canary.ts";
import { until } from "../../support/poll.ts";

const INTERVAL_MS = 20;

/** A canary whose beats come back, or are lost, or cannot even be sent. */
function openCanary(way: { state: "whole" | "deaf" | "mute" }) {
  const told: string[] = [];
  const canary = createCanary({
    sing: async (beat) => {
      if (way.state === "mute") throw new Error("away");
      if (way.state === "whole") queueMicrotask(() => canary.hear(beat));
    },
    onHeard: () => told.push("heard"),
    onMissed: () => told.push("missed"),
    onDeaf: ({ isMute, isNew }) => told.push(`deaf${isMute ? " mute" : ""}${isNew ? " new" : ""}`),
    intervalMs: INTERVAL_MS,
  });
  return { canary, told };
}

test("a way that carries is heard and never taken for deaf", async () => {
  const { canary, told } = openCanary({ state: "whole" });
  await until("five beats", () => told.length >= 5);
  canary.stop();
  expect([new Set(told), canary.isHearing]).toEqual([new Set(["heard"]), true]);
});

test.each(["deaf", "mute"] as const)(
  "a way that becomes %s is found, and so is its return",
  async (state) => {
    const way: { state: "whole" | "deaf" | "mute" } = { state: "whole" };
    const { canary, told } = openCanary(way);
    await until("a beat", () => told.includes("heard"));
    way.state = state;
    await until(
      "the second alarm",
      () => told.filter((each) => each.startsWith("deaf")).length > 1,
    );
    expect(canary.isHearing).toBe(false);
    const mute = state === "mute" ? " mute" : "";
    expect(told.filter((each) => each !== "heard")).toEqual([`deaf${mute} new`, `deaf${mute}`]);
    way.state = "whole";
    await until("the return", () => told.at(-1) === "heard");
    canary.stop();
    expect([told.includes("missed"), canary.isHearing]).toEqual([true, true]);
  },
);

test("a beat of another life, of long ago or of nobody says nothing", () => {
  const { canary, told } = openCanary({ state: "deaf" });
  for (const beat of ["0", "-1", "7", "x", ""]) canary.hear(beat);
  canary.stop();
  expect(told).toEqual([]);
});
