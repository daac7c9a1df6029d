/**
 * Sends durable messages from many sockets: at a fixed rate that does not wait for anybody, or as fast as they are
 * acknowledged. It also puts single rows and single words of a bus at the same rate, to have something beside it.
 */
import { createClient } from "redis";

import { percentile } from "../comparison.ts";
import { openMessageStore } from "../message_table.ts";
import { serveJobs } from "./driver.ts";
import { openTalkers, type Talker, type TalkerSpec } from "./talkers.ts";

/** Who of the sockets says something, where, and whose receipt is timed. */
export interface Talk {
  from: number;
  to: number;
  conversationId: string;
}

interface Rate {
  perSecond: number;
  durationMs: number;
}

export type ChatJob =
  | { op: "open"; side: string; sockets: TalkerSpec[] }
  | { op: "close"; side: string }
  | { op: "beat"; side: string }
  | ({ op: "pace"; side: string; talks: Talk[] } & Rate)
  | { op: "flood"; side: string; talks: Talk[]; durationMs: number; window: number }
  | ({ op: "insert"; databaseUrl: string } & Rate)
  | ({ op: "publish"; redisUrl: string } & Rate)
  | ({ op: "request"; url: string; token: string } & Rate);

export interface Timings {
  count: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
}

export interface FloodResult {
  sends: number;
  sendsPerSecond: number;
}

const BODY_BYTES = 150;
const DRAIN_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 20_000;
const MARK_DIGITS = 8;

const sides = new Map<string, Talker[]>();

async function handle(job: ChatJob): Promise<object> {
  switch (job.op) {
    case "open":
      sides.set(job.side, await openTalkers(job.sockets));
      return {};
    case "close":
      for (const talker of sides.get(job.side) ?? []) talker.close();
      sides.delete(job.side);
      return {};
    case "beat":
      for (const talker of sideOf(job.side)) talker.beat();
      return {};
    case "pace":
      return await pace(sideOf(job.side), job);
    case "flood":
      return await flood(sideOf(job.side), job);
    case "insert":
      return await paceInserts(job);
    case "publish":
      return await pacePublishes(job);
    case "request":
      return await paceRequests(job);
  }
}

function sideOf(side: string): Talker[] {
  const talkers = sides.get(side);
  if (!talkers) throw new Error(`Cannot load "${side}": it is not open`);
  return talkers;
}

/** Times at a fixed rate: from the moment at which something was due, so that whatever is late delays nothing behind it. */
interface Course {
  /** Notes that the event of this number has come. */
  arrive: (index: number) => void;
  fail: (error: Error) => void;
  /** Acts once for each number, when it is due; resolves when all have come. */
  run: (act: (index: number) => void) => Promise<Timings>;
}

function createCourse({ perSecond, durationMs }: Rate): Course {
  const total = Math.round((perSecond * durationMs) / 1_000);
  const latencies = new Float64Array(total).fill(Number.NaN);
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => undefined);
  let startedAt = Number.NaN;
  let arrived = 0;
  const dueAt = (index: number) => startedAt + (index * 1_000) / perSecond;
  return {
    arrive: (index) => {
      if (!(index >= 0 && index < total)) return;
      if (!Number.isNaN(latencies[index])) done.reject(new Error(`Number ${index} came twice`));
      latencies[index] = performance.now() - dueAt(index);
      arrived += 1;
      if (arrived === total) done.resolve();
    },
    fail: done.reject,
    run: async (act) => {
      startedAt = performance.now();
      let sent = 0;
      function tick(): void {
        for (; sent < total && dueAt(sent) <= performance.now(); sent += 1) act(sent);
        if (sent < total) setTimeout(tick, Math.max(0, dueAt(sent) - performance.now()));
      }
      tick();
      const late = () => done.reject(new Error(`${arrived} of ${total} have come`));
      const timer = setTimeout(late, durationMs + DRAIN_TIMEOUT_MS);
      await done.promise.finally(() => clearTimeout(timer));
      return timingsOf(latencies.toSorted());
    },
  };
}

function timingsOf(sorted: Float64Array): Timings {
  return {
    count: sorted.length,
    p50Ms: percentile(sorted, 0.5),
    p95Ms: percentile(sorted, 0.95),
    p99Ms: percentile(sorted, 0.99),
  };
}

function bodyOf(index: number): string {
  return `#${String(index).padStart(MARK_DIGITS, "0")} `.padEnd(BODY_BYTES, "bench ");
}

/** From the moment at which a message was due until its event has come to the socket of somebody else. */
async function pace(
  talkers: Talker[],
  { talks, ...rate }: Extract<ChatJob, { op: "pace" }>,
): Promise<Timings> {
  const course = createCourse(rate);
  for (const talker of talkers) talker.onFailure = course.fail;
  const heard = new Map<Talker, Set<string>>();
  for (const { to, conversationId } of talks) {
    const reader = talkers[to];
    if (reader) heard.set(reader, (heard.get(reader) ?? new Set()).add(`c:${conversationId}`));
  }
  const readers = new Map(talks.map((talk, at) => [at, talkers[talk.to]]));
  for (const [reader, channels] of heard)
    reader.onEvent = ({ ch, d }) => {
      if (!channels.has(ch) || d.body === undefined) return;
      const index = Number(d.body.slice(1, 1 + MARK_DIGITS));
      // Others are told as well; only one receipt of each is timed.
      if (readers.get(index % talks.length) === reader) course.arrive(index);
    };
  const timings = course.run((index) => {
    const talk = talks[index % talks.length];
    if (talk) talkers[talk.from]?.send(talk.conversationId, bodyOf(index));
  });
  return await timings.finally(() => quiet(talkers));
}

function quiet(talkers: Talker[]): void {
  for (const talker of talkers) {
    talker.onEvent = undefined;
    talker.onAck = () => undefined;
    talker.onFailure = () => undefined;
  }
}

/** Each sender keeps a number of messages under way until the time is over; then all of them must be acknowledged. */
async function flood(
  talkers: Talker[],
  { talks, durationMs, window }: Extract<ChatJob, { op: "flood" }>,
): Promise<FloodResult> {
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => undefined);
  const startedAt = performance.now();
  const deadline = startedAt + durationMs;
  let sends = 0;
  let acks = 0;
  let lastAt = startedAt;
  function send(talker: Talker, conversationId: string): void {
    talker.send(conversationId, bodyOf(sends));
    sends += 1;
  }
  for (const talker of talkers) talker.onFailure = done.reject;
  for (const { from, conversationId } of talks) {
    const talker = talkers[from];
    if (!talker) continue;
    talker.onAck = () => {
      acks += 1;
      lastAt = performance.now();
      if (lastAt < deadline) send(talker, conversationId);
      else if (acks === sends) done.resolve();
    };
    for (let count = 0; count < window; count += 1) send(talker, conversationId);
  }
  const late = () => done.reject(new Error(`${acks} of ${sends} sends were acknowledged`));
  const timer = setTimeout(late, durationMs + DRAIN_TIMEOUT_MS);
  await done.promise.finally(() => {
    clearTimeout(timer);
    quiet(talkers);
  });
  return { sends, sendsPerSecond: sends / ((lastAt - startedAt) / 1_000) };
}

async function paceInserts({
  databaseUrl,
  ...rate
}: Extract<ChatJob, { op: "insert" }>): Promise<Timings> {
  await using store = openMessageStore(databaseUrl);
  await store.insert(bodyOf(0));
  const course = createCourse(rate);
  return await course.run((index) => {
    store.insert(bodyOf(index)).then(() => course.arrive(index), course.fail);
  });
}

async function pacePublishes({
  redisUrl,
  ...rate
}: Extract<ChatJob, { op: "publish" }>): Promise<Timings> {
  const socket = { path: new URL(redisUrl).pathname, tls: false as const };
  const publisher = createClient({ socket });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  try {
    const course = createCourse(rate);
    await subscriber.subscribe("bench:paced", (text) =>
      course.arrive(Number(text.slice(1, 1 + MARK_DIGITS))),
    );
    return await course.run((index) => {
      publisher.publish("bench:paced", bodyOf(index)).catch(course.fail);
    });
  } finally {
    publisher.destroy();
    subscriber.destroy();
  }
}

async function paceRequests({
  url,
  token,
  ...rate
}: Extract<ChatJob, { op: "request" }>): Promise<Timings> {
  const headers = { authorization: `Bearer ${token}` };
  async function ask(): Promise<void> {
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    await answer.text();
    if (!answer.ok) throw new Error(`A request was answered with ${answer.status}`);
  }
  const course = createCourse(rate);
  return await course.run((index) => {
    ask().then(() => course.arrive(index), course.fail);
  });
}

if (import.meta.main) await serveJobs((job) => handle(job as ChatJob));
