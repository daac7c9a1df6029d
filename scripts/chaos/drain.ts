/**
 * Stops an instance with 5,000 sockets while messages are being sent: every socket moves to the other instance within
 * the time that a stop has, nothing is lost or doubled, and the sockets come one after the other. `--sockets 10000` takes
 * another number.
 */
import { parseArgs } from "node:util";

import { call, converse, type Person } from "../../test/support/client.ts";
import { type Cluster, openCluster } from "../../test/support/instance.ts";
import { busiest, type Mover, openMover, signUpMany } from "../../test/support/moving.ts";
import { until } from "../../test/support/poll.ts";
import type { ChaosOptions } from "../chaos.ts";

/** As many as one user may have on an instance. */
const SOCKETS_EACH = 20;
/** So many handshakes are under way at once. */
const OPENED_AT_ONCE = 100;
const STOP_LIMIT_MS = 25_000;
/** After the stop, the last ones to be told still have their 8 s. */
const MOVE_LIMIT_MS = 60_000;
const MESSAGE_PAUSE_MS = 250;
/** So many within a second are no stampede, however many there are in all. */
const FEW = 300;

export async function run({ args, signal, print }: ChaosOptions): Promise<void> {
  const { values } = parseArgs({ args, options: { sockets: { type: "string", default: "5000" } } });
  const count = Number(values.sockets);
  await using cluster = await openCluster();
  const [old, other] = [await cluster.start(), await cluster.start()];
  const people = await signUpMany(other.url, Math.ceil(count / SOCKETS_EACH));
  const id = await openGroup(other.url, people);
  const tokens = people
    .flatMap(({ token }) => Array<string>(SOCKETS_EACH).fill(token))
    .slice(0, count);
  const movers: Mover[] = [];
  const places = { from: old.url, to: other.url, channel: `c:${id}` };
  for (let at = 0; at < tokens.length && !signal.aborted; at += OPENED_AT_ONCE) {
    const some = tokens.slice(at, at + OPENED_AT_ONCE);
    movers.push(...(await Promise.all(some.map((token) => openMover({ ...places, token })))));
  }
  print(`${movers.length} sockets of ${people.length} people are open`);
  await move({ movers, old, print, say: speaker(other.url, { id, owner: people[0] }) });
  for (const mover of movers) mover.close();
}

interface Move {
  movers: Mover[];
  old: Awaited<ReturnType<Cluster["start"]>>;
  print: ChaosOptions["print"];
  /** @returns the position of the message. */
  say: () => Promise<number>;
}

async function move({ movers, old, print, say }: Move): Promise<void> {
  await say();
  const startedAt = performance.now();
  let stoppedAt = 0;
  let [messages, isStillReady] = [0, false];
  const stopped = old.stop().then((code) => {
    stoppedAt = performance.now();
    return code;
  });
  await until("the balancer is told", async () => {
    const status = await fetch(`${old.url}/health/ready`).then(
      (answer) => answer.status,
      () => 0,
    );
    isStillReady = status === 200;
    return status !== 200;
  });
  await until(
    "all have moved",
    async () => {
      await say();
      messages += 1;
      await Bun.sleep(MESSAGE_PAUSE_MS);
      return movers.every((mover) => mover.movedAt() !== undefined);
    },
    MOVE_LIMIT_MS,
  );
  const code = await stopped;
  const last = await say();
  await until("all have seen all", () => movers.every((it) => it.seen() === last), MOVE_LIMIT_MS);
  const times = movers.map((mover) => mover.cameAt() ?? 0);
  const greeted = movers.map((mover) => mover.movedAt() ?? 0);
  const stopMs = stoppedAt - startedAt;
  const most = busiest(times, 1_000);
  print(`the stop took ${(stopMs / 1_000).toFixed(1)} s and ended with ${code}`);
  print(
    `the last socket was greeted after ${((Math.max(...greeted) - startedAt) / 1_000).toFixed(1)} s`,
  );
  print(`at most ${most} sockets came within one second; ${messages} messages were sent meanwhile`);
  const faults = movers.flatMap((mover) => mover.faults);
  print(`lost 0, doubled or out of order ${faults.length}`);
  if (code !== 0 || isStillReady || stopMs > STOP_LIMIT_MS) throw new Error("Cannot stop in time");
  if (faults.length > 0)
    throw new Error(`Cannot move without a fault: ${faults.slice(0, 5).join()}`);
  if (most > Math.max(FEW, movers.length / 8)) throw new Error("Cannot move without a stampede");
}

function speaker(url: string, { id, owner }: { id: string; owner: Person | undefined }) {
  return async () => {
    const body = { clientId: crypto.randomUUID(), body: "still here" };
    const path = `${url}/v1/conversations/${id}/messages`;
    const { status, body: sent } = await call("POST", path, { token: owner?.token ?? "", body });
    if (status !== 201) throw new Error(`Cannot send: ${status}`);
    return Number(sent["seq"]);
  };
}

async function openGroup(url: string, [owner, ...others]: Person[]): Promise<string> {
  const token = owner?.token ?? "";
  const first = others.slice(0, FIRST_MEMBERS).map(({ id }) => id);
  const id = await converse(url, token, { kind: "group", name: "All", memberIds: first });
  for (const { id: member } of others.slice(FIRST_MEMBERS))
    await call("PUT", `${url}/v1/conversations/${id}/members/${member}`, { token });
  return id;
}

/** A new group takes so many members at once. */
const FIRST_MEMBERS = 100;
