/**
 * Runs two instances on a Redis Cluster of three masters and kills each master in turn: messages, sessions, tickets, jobs
 * and counts of failed attempts go on, and nothing is lost. `--rounds 3` takes another number of kills, `--people 12` of
 * talkers.
 */
import { parseArgs } from "node:util";

import { call, converse, type Person, signUp } from "../../test/support/client.ts";
import { type Instance, openCluster } from "../../test/support/instance.ts";
import { until } from "../../test/support/poll.ts";
import { openTestRedisCluster, type TestRedisCluster } from "../../test/support/redis_cluster.ts";
import { eventsOf, openSocket, type TestSocket } from "../../test/support/socket.ts";
import type { ChaosOptions } from "../chaos.ts";

const REPAIR_LIMIT_MS = 60_000;
/** More tries than an account gives to who does not know its password. */
const MAX_TRIES = 30;

/** Two people who talk with each other through both instances. */
interface Talk {
  id: string;
  pair: [Person, Person];
  sockets: TestSocket[];
  /** Positions that were acknowledged. */
  acknowledged: number[];
}

export async function run({ args, signal, print }: ChaosOptions): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: "string", default: "3" },
      people: { type: "string", default: "12" },
    },
  });
  await using redis = await openTestRedisCluster();
  await using cluster = await openCluster();
  const env = { REDIS_URL: redis.url.href };
  const instances = [await cluster.start(env), await cluster.start(env)] as const;
  const talks = await Promise.all(
    Array.from({ length: Number(values.people) / 2 }, () => openTalk(instances)),
  );
  print(`${talks.length} conversations on two instances, on ${redis.nodes.length} masters`);
  for (const { url } of instances) {
    const { status, body } = await call("GET", `${url}/health/ready`);
    if (status !== 200 || body["status"] === "degraded")
      throw new Error(`An instance is not ready: ${status} ${JSON.stringify(body)}`);
  }
  await checkSessions(instances);
  await checkThrottle(await cluster.start({ ...env, LIMITS_SCALE: "1" }));
  print("tickets, ends of sessions and counts of failed attempts cross the instances");
  for (let round = 0; round < Number(values.rounds) && !signal.aborted; round += 1)
    await breakOnce({ redis, instances, talks, round, print });
  await until(
    "the last job",
    async () => (await cluster.database.sql`select 1 from app.job_outbox`).length === 0,
    REPAIR_LIMIT_MS,
  );
  const count = talks.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  print(`${count} messages acknowledged, 0 lost, 0 doubled, 0 out of order; no job is left`);
  for (const { sockets } of talks) for (const socket of sockets) socket.close();
}

async function openTalk([first, second]: readonly [Instance, Instance]): Promise<Talk> {
  const pair: [Person, Person] = [await signUp(first.url), await signUp(second.url)];
  const [lan, minh] = pair;
  const id = await converse(first.url, lan.token, { kind: "direct", userId: minh.id });
  const sockets = [
    await openSocket(second.url, lan.token),
    await openSocket(first.url, minh.token),
  ];
  return { id, pair, sockets, acknowledged: [] };
}

/** Both say something, each through an instance. @throws when one of them is not answered. */
async function talk(
  { id, pair, acknowledged }: Talk,
  instances: readonly [Instance, Instance],
): Promise<void> {
  for (const [at, { token }] of pair.entries()) {
    const url = `${instances[at]?.url}/v1/conversations/${id}/messages`;
    const body = { clientId: crypto.randomUUID(), body: `Tin ${acknowledged.length}` };
    const answer = await call("POST", url, { token, body });
    if (answer.status !== 201) throw new Error(`Cannot send: ${answer.status}`);
    acknowledged.push(Number(answer.body["seq"]));
  }
}

interface Break {
  redis: TestRedisCluster;
  instances: readonly [Instance, Instance];
  talks: Talk[];
  round: number;
  print: ChaosOptions["print"];
}

async function breakOnce({ redis, instances, talks, round, print }: Break): Promise<void> {
  const sayAll = () => Promise.all(talks.map((each) => talk(each, instances)));
  const heardAll = async (when: string) => {
    const beganAt = performance.now();
    for (const each of talks) await untilHeard(each, when);
    return `${Math.round(performance.now() - beganAt)} ms`;
  };
  await sayAll();
  const before = await heardAll("before the kill");
  const node = redis.nodes[round % redis.nodes.length];
  const killing = node?.kill();
  await sayAll();
  await killing;
  await sayAll();
  const during = await heardAll("while a master is down");
  const starting = node?.start();
  await sayAll();
  await starting;
  await sayAll();
  const after = await heardAll("after its return");
  print(`kill ${round + 1}: the last word was heard after ${before}, ${during}, ${after}`);
}

/** Every position once and in order, up to the last that was acknowledged. */
async function untilHeard({ id, sockets, acknowledged }: Talk, when: string): Promise<void> {
  const last = Math.max(...acknowledged);
  for (const socket of sockets) {
    const positions = () => eventsOf(socket, id).map(({ seq = 0 }) => seq);
    await until(`position ${last} ${when}`, () => positions().at(-1) === last, REPAIR_LIMIT_MS);
    const got = positions();
    const wanted = Array.from(got, (_, at) => (got[0] ?? 0) + at);
    if (!Bun.deepEquals(got, wanted)) throw new Error(`Lost or doubled ${when}: ${got.join()}`);
    const missing = acknowledged.filter((seq) => !got.includes(seq));
    if (missing.length > 0) throw new Error(`Acknowledged and lost ${when}: ${missing.join()}`);
  }
}

/** A ticket of one instance opens a socket at the other, and the end of the session there closes it. */
async function checkSessions([first, second]: readonly [Instance, Instance]): Promise<void> {
  const lan = await signUp(first.url);
  const ticket = await call("POST", `${first.url}/v1/realtime/ticket`, { token: lan.token });
  const socket = await openSocket(second.url, String(ticket.body["ticket"]));
  await call("POST", `${first.url}/v1/auth/logout`, { token: lan.token });
  const { code } = await socket.closed;
  if (code !== 4401) throw new Error(`The end of a session closed with ${code}`);
  const refused = await call("GET", `${second.url}/v1/me`, { token: lan.token });
  if (refused.status !== 401) throw new Error(`An ended session was answered ${refused.status}`);
}

/** Wrong passwords are counted until no more is taken. */
async function checkThrottle({ url }: Instance): Promise<void> {
  const { email } = await signUp(url);
  for (let count = 0; count < MAX_TRIES; count += 1) {
    const body = { email, password: `wrong ${count} wrong ${count}` };
    const { status } = await call("POST", `${url}/v1/auth/login`, { body });
    if (status === 429) return;
    if (status !== 401) throw new Error(`A wrong password was answered ${status}`);
  }
  throw new Error(`${MAX_TRIES} wrong passwords were taken`);
}
