import { expect, test } from "bun:test";

import { call, converse } from "../../support/client.ts";
import { openCluster } from "../../support/instance.ts";
import { busiest, openMover, signUpMany } from "../../support/moving.ts";
import { until } from "../../support/poll.ts";

const PEOPLE = 12;
const SOCKETS_EACH = 20;
const SOCKETS = PEOPLE * SOCKETS_EACH;
/** Of a herd that is told at once to come back at once, all would come within this time. */
const STRETCH_MS = 250;
const LONG_TEST_MS = 120_000;

test(
  "an instance that is stopped moves its sockets to another one: nothing is lost or doubled, and they come one after the other",
  async () => {
    await using cluster = await openCluster({ worker: false });
    const [old, other] = await Promise.all([cluster.start(), cluster.start()]);
    const people = await signUpMany(other.url, PEOPLE);
    const [owner] = people;
    const memberIds = people.slice(1).map(({ id }) => id);
    const token = owner?.token ?? "";
    const id = await converse(other.url, token, { kind: "group", name: "All", memberIds });
    const places = { from: old.url, to: other.url, channel: `c:${id}` };
    const tokens = people.flatMap((person) => Array<string>(SOCKETS_EACH).fill(person.token));
    const movers = await Promise.all(tokens.map((each) => openMover({ ...places, token: each })));

    let last = 0;
    const say = async () => {
      const body = { clientId: crypto.randomUUID(), body: "still here" };
      const path = `${other.url}/v1/conversations/${id}/messages`;
      last = Number((await call("POST", path, { token, body })).body["seq"]);
    };
    await say();
    const stopped = old.stop();
    await until(
      "all have moved",
      async () => {
        await say();
        return movers.every((mover) => mover.movedAt() !== undefined);
      },
      LONG_TEST_MS,
    );
    expect(await stopped).toBe(0);
    await say();
    await until("all have seen all", () => movers.every((mover) => mover.seen() === last), 30_000);
    for (const mover of movers) mover.close();

    expect(movers.flatMap(({ faults }) => faults)).toEqual([]);
    const times = movers.map((mover) => mover.cameAt() ?? 0);
    expect(busiest(times, STRETCH_MS)).toBeLessThan(SOCKETS / 2);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(4 * STRETCH_MS);
  },
  LONG_TEST_MS,
);
