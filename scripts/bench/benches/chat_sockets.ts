import { compare } from "../comparison.ts";
import type { Goal, Measure, Metric, Outcome, Row, Sample } from "../contract.ts";
import type { ChatJob, Talk, Timings } from "../load/chat.ts";
import type { Load } from "../load/driver.ts";
import type { TalkerSpec } from "../load/talkers.ts";
import { assertRoomForSockets, readSocketMemory } from "../memory.ts";
import { openGroup, type Person, registerPeople } from "../people.ts";
import { alternate } from "../rounds.ts";
import type { Server, Stage } from "../stage.ts";

const IDLE_SOCKETS = 10_000;
const WARM_UP_SOCKETS = 2_000;
const TALKING_SOCKETS = 1_000;
/** As many sockets as one of them may have. */
const PEOPLE = 500;
const GROUP_SIZE = 50;
const TALKING_PER_SECOND = 200;
const REQUESTS_PER_SECOND = 100;
const TALK_MS = 10_000;
const WARM_UP_MS = 2_000;
const MEMORY_TARGET_KB = 12;
const P95_TARGET_MS = 200;
const ROUNDS = 3;

const MEMORY: Metric = { name: "memory of an idle socket, with the kernel's", unit: "KB" };
const HEAP: Metric = { name: "memory of an idle socket, the process alone", unit: "KB" };
const REST: Metric = { name: `REST p95 beside ${TALKING_SOCKETS} sockets`, unit: "ms" };

export const SOCKET_GOALS: Goal[] = [
  { metric: MEMORY.name, peer: "target", atMost: 1 },
  { metric: REST.name, peer: "target", atMost: 1 },
];

/** What sockets cost one instance while they are idle, and what they cost others while they talk. */
export async function compareSockets(stage: Stage): Promise<Outcome> {
  const hall = await openHall(stage);
  const idle = await compareSides(stage, {
    rounds: 1,
    metrics: [MEMORY, HEAP],
    ours: () => openIdle(hall),
    target: { [MEMORY.name]: MEMORY_TARGET_KB, [HEAP.name]: MEMORY_TARGET_KB },
  });
  const talking = await compareSides(stage, {
    rounds: ROUNDS,
    metrics: [REST],
    ours: () => openTalk(stage, hall),
    target: { [REST.name]: P95_TARGET_MS },
  });
  return {
    rows: [...idle, ...talking],
    notes: [
      `sockets: ${IDLE_SOCKETS} idle ones of ${PEOPLE} people, each in a group of ${GROUP_SIZE}, beside what the process had after ${WARM_UP_SOCKETS} that have gone; the growth of the process once it has tidied up, and the kernel's share as half of what its own structures and buffers grew by, because both ends are on this machine.`,
      `in conversation: ${TALKING_SOCKETS} sockets of ${PEOPLE} people, ${TALKING_PER_SECOND} messages a second among them, each told to ${(GROUP_SIZE * TALKING_SOCKETS) / PEOPLE} sockets, and ${REQUESTS_PER_SECOND} requests a second for a list of conversations, timed from when each was due.`,
    ],
  };
}

interface Comparison {
  rounds: number;
  metrics: Metric[];
  ours: () => Promise<Measure>;
  target: Sample;
}

async function compareSides(
  { progress }: Stage,
  { rounds, metrics, ours, target }: Comparison,
): Promise<Row[]> {
  const sides = [
    { name: "frm-ai", open: ours },
    { name: "target", open: async () => async () => target },
  ];
  const [first, ...rest] = await alternate(sides, { rounds, progress });
  if (!first) throw new Error("Cannot compare: nothing was measured");
  return compare(metrics, first, rest);
}

interface Hall {
  server: Server;
  people: Person[];
  talks: Talk[];
  load: Load;
}

async function openHall(stage: Stage): Promise<Hall> {
  const server = await stage.startInstance();
  const base = `http://localhost:${server.port}`;
  stage.progress(`registering ${PEOPLE} people`);
  const people = await registerPeople(base, PEOPLE);
  const talks = await openGroups(base, people);
  return { server, people, talks, load: stage.openLoad("chat.ts") };
}

async function openGroups(base: string, people: Person[]): Promise<Talk[]> {
  const talks: Talk[] = [];
  for (let at = 0; at < people.length; at += GROUP_SIZE) {
    const [owner, ...others] = people.slice(at, at + GROUP_SIZE);
    if (!owner) continue;
    const conversationId = await openGroup(base, owner, others);
    // Whoever comes right after the sender in the group is the one whose receipt is timed.
    for (let place = 0; place < GROUP_SIZE; place += 1)
      talks.push({ from: at + place, to: at + ((place + 1) % GROUP_SIZE), conversationId });
  }
  // Neighbours in the list are in different groups, so that all groups are busy at any time.
  return talks.toSorted((one, other) => (one.from % GROUP_SIZE) - (other.from % GROUP_SIZE));
}

async function openTalk(stage: Stage, { server, people, talks, load }: Hall): Promise<Measure> {
  const side = "talking";
  await load.run({ op: "open", side, sockets: socketsOf(people, server, TALKING_SOCKETS) });
  const other = stage.openLoad("chat.ts");
  const url = `http://127.0.0.1:${server.port}/v1/conversations`;
  const token = people[0]?.token ?? "";
  return async ({ warmUp }) => {
    const durationMs = warmUp ? WARM_UP_MS : TALK_MS;
    await load.run({ op: "beat", side });
    const perSecond = REQUESTS_PER_SECOND;
    const requests: ChatJob = { op: "request", url, token, perSecond, durationMs };
    const [, answers] = await Promise.all([
      load.run<Timings>({ op: "pace", side, talks, perSecond: TALKING_PER_SECOND, durationMs }),
      other.run<Timings>(requests),
    ]);
    return { [REST.name]: answers.p95Ms };
  };
}

async function openIdle({ server, people, load }: Hall): Promise<Measure> {
  await assertRoomForSockets(IDLE_SOCKETS);
  const side = "idle";
  const open = async (count: number) => {
    await load.run({ op: "open", side, sockets: socketsOf(people, server, count) });
    await load.run({ op: "beat", side });
  };
  return async ({ warmUp }): Promise<Sample> => {
    if (warmUp) {
      await open(WARM_UP_SOCKETS);
      await load.run({ op: "close", side });
      return {};
    }
    const before = await readSocketMemory(server.pid);
    await open(IDLE_SOCKETS);
    const after = await readSocketMemory(server.pid);
    await load.run({ op: "close", side });
    const own = (after.processKb - before.processKb) / IDLE_SOCKETS;
    const kernel = (after.kernelKb - before.kernelKb) / 2 / IDLE_SOCKETS;
    return { [MEMORY.name]: own + kernel, [HEAP.name]: own };
  };
}

/** Each of the people opens as many. */
function socketsOf(people: Person[], { port }: Server, count: number): TalkerSpec[] {
  return Array.from({ length: count }, (_, at) => ({
    token: people[at % people.length]?.token ?? "",
    port,
  }));
}
