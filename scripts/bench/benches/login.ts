import { busyNotes, measureCpu } from "../busy.ts";
import { compare } from "../comparison.ts";
import type { Bench, Measure, Outcome, Side } from "../contract.ts";
import { type Login, registerLogins, request } from "../people.ts";
import { alternate } from "../rounds.ts";
import { bunPeer, type Server, type Stage } from "../stage.ts";

const ROUNDS = 5;
const ROUND_MS = 3_000;
const WARM_UP_MS = 1_000;
/** As many as hash at once on two cores, so that no side's queue is part of the figure. */
const AT_ONCE = 4;
const PEOPLE = 32;
/** The parameters of the product's own hashes. */
const ARGON2 = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;

const OURS = "frm-ai";
const RAW = "one argon2id check, and nothing else (limit)";
const METRICS = [
  { name: "logins", unit: "1/s" },
  { name: "server's processor time", unit: "ms each" },
];

export const login: Bench = {
  name: "login",
  title: "POST /v1/auth/login",
  goals: [{ metric: "logins", peer: RAW, atLeast: 0.8 }],
  run,
};

async function run(stage: Stage): Promise<Outcome> {
  const instance = await stage.startInstance();
  const people = await registerLogins(`http://localhost:${instance.port}`, PEOPLE);
  const sides: Side[] = [
    { name: OURS, open: async () => attempt(instance, people) },
    { name: RAW, open: async () => attempt(await openRaw(stage), people) },
  ];
  const [ours, ...peers] = await alternate(sides, { rounds: ROUNDS, progress: stage.progress });
  if (!ours) throw new Error("Cannot compare: nothing was measured");
  const notes = [
    `${AT_ONCE} logins at once by ${PEOPLE} people, each with the right password; every answer has to be a success.`,
    "frm-ai also asks its throttles, reads the account, and writes a session, an entry of the audit log and an outbox row.",
    ...busyNotes([ours, ...peers]),
  ];
  return { rows: compare(METRICS, ours, peers), notes };
}

async function openRaw(stage: Stage): Promise<Server> {
  const password = crypto.randomUUID();
  const hash = await Bun.password.hash(password, ARGON2);
  const spec = bunPeer("raw_hash.ts", { HASH: hash, PASSWORD: password });
  return await stage.startPeer({ name: RAW, ...spec });
}

function attempt(server: Server, people: Login[]): Measure {
  const url = `http://localhost:${server.port}/v1/auth/login`;
  let turn = 0;
  return async ({ warmUp }) => {
    const durationMs = warmUp ? WARM_UP_MS : ROUND_MS;
    const pids = { client: process.pid, servers: [server.pid] };
    const { result, busy, serverSeconds } = await measureCpu(pids, async () => {
      const until = performance.now() + durationMs;
      let done = 0;
      const lane = async () => {
        while (performance.now() < until) {
          const person = people[(turn += 1) % people.length];
          await request(url, { method: "POST", body: { ...person, transport: "body" } });
          if (performance.now() < until) done += 1;
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
      return done;
    });
    return {
      logins: result / (durationMs / 1_000),
      "server's processor time": (serverSeconds * 1_000) / Math.max(1, result),
      ...busy,
    };
  };
}
