import { compare } from "../comparison.ts";
import type { Goal, Metric, Outcome, Row } from "../contract.ts";
import type { ChatJob, Talk, Timings } from "../load/chat.ts";
import type { Load } from "../load/driver.ts";
import type { TalkerSpec } from "../load/talkers.ts";
import { assertRoomForSockets, readSocketMemory } from "../memory.ts";
import { openGroup, type Person, registerPeople } from "../people.ts";
import type { Server, Stage } from "../stage.ts";

const IDLE_SOCKETS = 10_000;
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
  await assertRoomForSockets(IDLE_SOCKETS);
  const server = await stage.startInstance();
  const base = `http://localhost:${server.port}`;
  stage.progress(`registering ${PEOPLE} people`);
  const people = await registerPeople(base, PEOPLE);
  const talks = await openGroups(base, people);
  const load = stage.openLoad("chat.ts");
  const idle = await measureIdle(stage, { server, people, load });
  const talking = await measureTalk(stage, { server, people, talks, load });
  return {
    rows: [...idle, ...talking],
    notes: [
      `sockets: ${IDLE_SOCKETS} idle ones of ${PEOPLE} people, each in a group of ${GROUP_SIZE}; the growth of the process, and the kernel's share as half of what its own structures and buffers grew by, because both ends are on this machine.`,
      `in conversation: ${TALKING_SOCKETS} sockets of ${PEOPLE} people, ${TALKING_PER_SECOND} messages a second among them, each told to ${(GROUP_SIZE * TALKING_SOCKETS) / PEOPLE} sockets, and ${REQUESTS_PER_SECOND} requests a second for a list of conversations, timed from when each was due.`,
    ],
  };
}

interface Hall {
  server: Server;
  people: Person[];
  load: Load;
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

async function measureTalk(stage: Stage, hall: Hall & { talks: Talk[] }): Promise<Row[]> {
  const { server, people, talks, load } = hall;
  const side = "talking";
  await load.run({ op: "open", side, sockets: socketsOf(people, server, TALKING_SOCKETS) });
  const other = stage.openLoad("chat.ts");
  const url = `http://127.0.0.1:${server.port}/v1/conversations`;
  const samples = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const durationMs = round === 0 ? WARM_UP_MS : TALK_MS;
    stage.progress(`in conversation, round ${round} of ${ROUNDS}`);
    await load.run({ op: "beat", side });
    const token = people[round]?.token ?? "";
    const perSecond = REQUESTS_PER_SECOND;
    const requests: ChatJob = { op: "request", url, token, perSecond, durationMs };
    const [, answers] = await Promise.all([
      load.run<Timings>({ op: "pace", side, talks, perSecond: TALKING_PER_SECOND, durationMs }),
      other.run<Timings>(requests),
    ]);
    if (round > 0) samples.push({ [REST.name]: answers.p95Ms });
  }
  await load.run({ op: "close", side });
  return compare([REST], { name: "frm-ai", samples }, [targetOf(REST, P95_TARGET_MS)]);
}

async function measureIdle(stage: Stage, { server, people, load }: Hall): Promise<Row[]> {
  stage.progress(`opening ${IDLE_SOCKETS} sockets`);
  const side = "idle";
  const before = await readSocketMemory(server.pid);
  await load.run({ op: "open", side, sockets: socketsOf(people, server, IDLE_SOCKETS) });
  await load.run({ op: "beat", side });
  const after = await readSocketMemory(server.pid);
  await load.run({ op: "close", side });
  const perSocket = (kb: number) => kb / IDLE_SOCKETS;
  const own = perSocket(after.processKb - before.processKb);
  const kernel = perSocket((after.kernelKb - before.kernelKb) / 2);
  stage.progress(`process ${own.toFixed(1)} KB and kernel ${kernel.toFixed(1)} KB for each socket`);
  const sample = { [MEMORY.name]: own + kernel, [HEAP.name]: own };
  const ours = { name: "frm-ai", samples: [sample] };
  return [MEMORY, HEAP].flatMap((metric) =>
    compare([metric], ours, [targetOf(metric, MEMORY_TARGET_KB)]),
  );
}

function targetOf(metric: Metric, value: number) {
  const samples = Array.from({ length: ROUNDS }, () => ({ [metric.name]: value }));
  return { name: "target", samples };
}

/** Each of the people opens as many. */
function socketsOf(people: Person[], { port }: Server, count: number): TalkerSpec[] {
  return Array.from({ length: count }, (_, at) => ({
    token: people[at % people.length]?.token ?? "",
    port,
  }));
}
