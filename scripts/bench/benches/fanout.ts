import { busyNotes, measureCpu } from "../busy.ts";
import { compare } from "../comparison.ts";
import type { Bench, Measure, Outcome, Side } from "../contract.ts";
import type { CrowdSpec } from "../load/crowd.ts";
import type { DialectName } from "../load/dialects.ts";
import type { Load } from "../load/driver.ts";
import type { BurstResult, PacedResult, SocketJob } from "../load/sockets.ts";
import { createMessageTable } from "../message_table.ts";
import { openGroup, type Person, registerPeople } from "../people.ts";
import { alternate, type Series } from "../rounds.ts";
import { bunPeer, type Server, type Stage } from "../stage.ts";

const ROUNDS = 5;
const RECEIVERS = 200;
const BURST_MS = 2_000;
const PACED_MS = 2_000;
const WARM_UP_MS = 1_000;
/** Messages under way at once: enough to keep every side busy, too few to fill anybody's buffers. */
const WINDOW = 128;
const PER_SECOND = 50;
const POOL_SIZE = 10;

const OURS = "frm-ai";
const RAW = "raw Bun pub/sub, stores nothing";
const SOCKETIO = "Socket.IO, stores nothing";
const RAW_STORING = "raw Bun pub/sub + one INSERT";
const SOCKETIO_STORING = "Socket.IO + one INSERT";
const METRICS = [
  { name: "deliveries", unit: "1/s" },
  { name: "latency p50", unit: "ms" },
  { name: "latency p99", unit: "ms" },
  { name: "servers' processor time", unit: "µs each" },
];

export const fanout: Bench = {
  name: "fanout",
  title: `A message to ${RECEIVERS} sockets over two instances`,
  goals: [
    { metric: "deliveries", peer: RAW, atLeast: 0.7 },
    { metric: "deliveries", peer: SOCKETIO, atLeast: 8 },
  ],
  run,
};

/** The people of the conversation, who are the same on every side. */
interface Room {
  stage: Stage;
  load: Load;
  people: Person[];
  conversationId: string;
  instances: Server[];
}

async function run(stage: Stage): Promise<Outcome> {
  const room = await openRoom(stage);
  await createMessageTable(stage.databaseUrl);
  const sides: Side[] = [
    { name: OURS, open: () => join(room, OURS, { dialect: "frm", servers: room.instances }) },
    { name: RAW, open: () => openPeer(room, RAW, { dialect: "raw", stores: false }) },
    {
      name: SOCKETIO,
      open: () => openPeer(room, SOCKETIO, { dialect: "socketio", stores: false }),
    },
    {
      name: RAW_STORING,
      open: () => openPeer(room, RAW_STORING, { dialect: "raw", stores: true }),
    },
    {
      name: SOCKETIO_STORING,
      open: () => openPeer(room, SOCKETIO_STORING, { dialect: "socketio", stores: true }),
    },
  ];
  const options = { rounds: ROUNDS, progress: stage.progress };
  const [ours, ...peers] = await alternate(sides, options);
  if (!ours) throw new Error("Cannot compare: nothing was measured");
  return { rows: compare(METRICS, ours, peers), notes: notesOf([ours, ...peers]) };
}

async function openRoom(stage: Stage): Promise<Room> {
  const first = await stage.startInstance();
  const second = await stage.startInstance();
  const base = `http://localhost:${first.port}`;
  stage.progress(`registering ${RECEIVERS + 1} people`);
  const people = await registerPeople(base, RECEIVERS + 1);
  const sender = people.at(-1);
  if (!sender) throw new Error("Cannot open a room: there is nobody");
  const conversationId = await openGroup(base, sender, people.slice(0, RECEIVERS));
  const load = stage.openLoad("sockets.ts");
  return { stage, load, people, conversationId, instances: [first, second] };
}

/** Socket.IO is at home on Node. */
function socketioRuntime(): string {
  return Bun.which("node") ?? process.execPath;
}

async function openPeer(
  room: Room,
  side: string,
  { dialect, stores }: { dialect: DialectName; stores: boolean },
): Promise<Measure> {
  const { stage } = room;
  const database = new URL(stage.databaseUrl);
  const env = {
    REDIS_URL: stage.redisUrl,
    CHANNEL: `bench:${dialect}:${stores ? "stores" : "forwards"}`,
    ...(stores
      ? {
          PGHOST: database.searchParams.get("host") ?? "",
          PGUSER: database.username,
          PGDATABASE: database.pathname.slice(1),
          POOL_SIZE: String(POOL_SIZE),
        }
      : {}),
  };
  const argv = [socketioRuntime(), "scripts/bench/peers/socketio.mjs"];
  const spec =
    dialect === "raw"
      ? bunPeer("raw_fanout.ts", env)
      : { argv, env: { NODE_ENV: "production", ...env } };
  const start = () => stage.startPeer({ name: side, ...spec });
  const servers = await Promise.all([start(), start()]);
  return await join(room, side, { dialect, servers, ordered: !stores });
}

/** Opens all sockets of a side, then measures: first as much as it can, then how fast at a moderate rate. */
async function join(
  room: Room,
  side: string,
  options: { dialect: DialectName; servers: Server[]; ordered?: boolean },
): Promise<Measure> {
  const { load, people, conversationId } = room;
  const { dialect, servers, ordered = true } = options;
  const spec: CrowdSpec = {
    dialect,
    ports: servers.map(({ port }) => port),
    receivers: RECEIVERS,
    tokens: people.map(({ token }) => token),
    talk: { conversationId, senderId: people.at(-1)?.id ?? "" },
  };
  const run = async <T extends object>(job: SocketJob) => await load.run<T>(job);
  await run({ op: "open", side, ...spec });
  const pids = { client: load.pid, servers: servers.map(({ pid }) => pid) };
  return async ({ warmUp }) => {
    const burst = { durationMs: warmUp ? WARM_UP_MS : BURST_MS, window: WINDOW, ordered };
    const paced = { durationMs: warmUp ? WARM_UP_MS : PACED_MS, perSecond: PER_SECOND, ordered };
    const { result, busy, serverSeconds } = await measureCpu(pids, () =>
      run<BurstResult>({ op: "burst", side, ...burst }),
    );
    const { p50Ms, p99Ms } = await run<PacedResult>({ op: "paced", side, ...paced });
    return {
      deliveries: result.deliveriesPerSecond,
      "latency p50": p50Ms,
      "latency p99": p99Ms,
      "servers' processor time": (serverSeconds * 1e6) / (result.messages * RECEIVERS),
      ...busy,
    };
  };
}

function notesOf(all: Series[]): string[] {
  const runtime = Bun.which("node") === null ? "Bun, because Node is missing" : "Node";
  return [
    `one sender; ${RECEIVERS / 2} receivers on each of two processes; deliveries: ${WINDOW} messages under way at any time; latency: ${PER_SECOND} messages a second.`,
    "frm-ai checks the membership, stores the message and its outbox row, and waits for the commit, one message after the other, before it delivers. What was stored together is told together: a frame may have many events in it.",
    `Peers deliver the same number of bytes, check nothing, and store nothing or one row. Those that store it do so concurrently and keep no order. Socket.IO runs on ${runtime}.`,
    ...busyNotes(all),
  ];
}
