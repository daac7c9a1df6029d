import { expect, test } from "bun:test";

import fc from "fast-check";

import { judgeProof, judgeRefresh } from "../../../src/features/auth/service/rotation.ts";

/** A session as the server keeps it, and what an honest client and a thief hold of it. */
interface World {
  valid: number;
  seen: number;
  rotatedAt: number;
  now: number;
  ended: boolean;
  /** The newest refresh token that the honest client has received. */
  honest: number;
  /** A copy that a thief took at some time. */
  stolen: number | undefined;
}

type Step =
  | { do: "refresh"; answered: boolean }
  | { do: "prove"; answered: boolean; behind: number }
  | { do: "use" }
  | { do: "steal" }
  | { do: "abuse" }
  | { do: "wait"; seconds: number };

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("refresh" as const), answered: fc.boolean() }),
  fc.record({
    do: fc.constant("prove" as const),
    answered: fc.boolean(),
    behind: fc.nat({ max: 3 }),
  }),
  fc.record({ do: fc.constant("use" as const) }),
  fc.record({ do: fc.constant("steal" as const) }),
  fc.record({ do: fc.constant("abuse" as const) }),
  fc.record({ do: fc.constant("wait" as const), seconds: fc.nat({ max: 40 }) }),
);

/** Shows a token to the server; the counter of the one that it hands out, or why there is none. */
function show(world: World, shown: number): number | "refused" | "ended" {
  if (world.ended) return "ended";
  const { valid, seen } = world;
  const sinceRotationMs = (world.now - world.rotatedAt) * 1_000;
  const verdict = judgeRefresh({ valid, seen, shown, sinceRotationMs });
  if (verdict === "reused") {
    world.ended = true;
    return "ended";
  }
  if (verdict === "superseded") return "refused";
  return verdict === "repeat" ? valid : rotate(world, shown);
}

function rotate(world: World, shown: number): number {
  const held = Math.max(shown, world.valid);
  Object.assign(world, { seen: held, valid: held + 1, rotatedAt: world.now });
  return world.valid;
}

/** Proves who it is with an access token, which shows that it has arrived; the position of the tokens to hand out. */
function prove(world: World, shown: number): number | "ended" {
  if (world.ended) return "ended";
  world.seen = Math.max(world.seen, shown);
  const { valid, seen } = world;
  const sinceRotationMs = (world.now - world.rotatedAt) * 1_000;
  const isNew = judgeProof({ valid, seen, shown, sinceRotationMs }) === "rotate";
  return isNew ? rotate(world, shown) : valid;
}

function renew(world: World, step: Extract<Step, { answered: boolean }>): void {
  const { honest } = world;
  // An access token works on when newer ones are there, as in another tab.
  const got =
    step.do === "prove" ? prove(world, Math.max(0, honest - step.behind)) : show(world, honest);
  if (typeof got === "number" && step.answered) world.honest = got;
}

function take(world: World, step: Step): void {
  if (step.do === "wait") world.now += step.seconds;
  if (step.do === "steal") world.stolen = world.honest;
  if (step.do === "use") world.seen = Math.max(world.seen, world.ended ? 0 : world.honest);
  if (step.do === "refresh" || step.do === "prove") renew(world, step);
  if (step.do === "abuse" && world.stolen !== undefined) {
    const got = show(world, world.stolen);
    if (typeof got === "number") world.stolen = got;
  }
}

function play(list: Step[]): World {
  const world: World = {
    valid: 0,
    seen: 0,
    rotatedAt: 0,
    now: 1_000,
    ended: false,
    honest: 0,
    stolen: undefined,
  };
  for (const step of list) take(world, step);
  return world;
}

test("an honest client is never signed out, whatever answers are lost and however long it waits", () => {
  const honest = steps.filter((step) => step.do !== "abuse");
  fc.assert(
    fc.property(fc.array(honest, { maxLength: 60 }), (list) => {
      const world = play(list);
      expect(world.ended).toBe(false);
      expect(typeof prove(world, world.honest)).toBe("number");
      expect(typeof show(world, world.honest)).toBe("number");
    }),
    { numRuns: 2_000, seed: 20_261_123 },
  );
});

test("after a theft, one use by each side with both answers used ends the session", () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 40 }), fc.boolean(), (list, thiefFirst) => {
      const world = play(list);
      if (world.ended || world.stolen === undefined) return;
      world.stolen = world.honest;
      // Each takes a turn of its own, uses what it got, and lets the grace pass.
      for (let round = 0; round < 2; round += 1)
        for (const thief of [thiefFirst, !thiefFirst]) {
          const got = show(world, thief ? world.stolen : world.honest);
          if (typeof got === "number") {
            if (thief) world.stolen = got;
            else world.honest = got;
            world.seen = Math.max(world.seen, got);
          }
          world.now += 11;
        }
      const after = [show(world, world.honest), show(world, world.valid)];
      expect(after).toEqual(["ended", "ended"]);
    }),
    { numRuns: 2_000, seed: 20_261_123 },
  );
});

test("any number of simultaneous refreshes and proofs with one pair of tokens are one rotation and one answer", () => {
  fc.assert(
    fc.property(
      fc.array(steps, { maxLength: 40 }),
      fc.array(fc.boolean(), { minLength: 2, maxLength: 50 }),
      (list, many) => {
        const world = play(list.filter((step) => step.do !== "abuse"));
        const { honest } = world;
        const answers = many.map((isProof) => (isProof ? prove : show)(world, honest));
        expect(new Set(answers).size).toBe(1);
        expect(answers[0]).toBe(world.valid);
      },
    ),
    { numRuns: 1_000, seed: 20_261_123 },
  );
});

test("a thief who rotates without a pause does not keep the owner's old token from ending the session", () => {
  const theft: Step[] = [{ do: "steal" }];
  const inGrace: Step[] = [{ do: "abuse" }, { do: "wait", seconds: 9 }];
  // The owner's own access token lasts for ten minutes; then the refresh token is shown that came with it.
  const tenMinutes = Array.from({ length: 66 }, () => inGrace).flat();
  expect(play([...theft, ...tenMinutes, { do: "refresh", answered: true }]).ended).toBe(true);
  // Two tabs that outrun each other by a few steps do not end it.
  const fewSteps = Array.from({ length: 3 }, () => ({ do: "abuse" }) as const);
  expect(play([...theft, ...fewSteps, { do: "refresh", answered: true }]).ended).toBe(false);
});
