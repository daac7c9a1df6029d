/**
 * Sends messages on one socket of a side and counts what its receivers get. Nearly all frames are counted only; a few
 * receivers, the witnesses, read every message: none may be lost, doubled, or, where the side promises it, out of turn.
 */
import { percentile } from "../comparison.ts";
import { type Crowd, type CrowdSpec, type Member, openCrowd } from "./crowd.ts";
import { serveJobs } from "./driver.ts";
import { encodeFrame, type FramePlace, Opcode } from "./websocket.ts";

export type SocketJob =
  | ({ op: "open"; side: string } & CrowdSpec)
  | { op: "burst"; side: string; durationMs: number; window: number; ordered: boolean }
  | { op: "paced"; side: string; durationMs: number; perSecond: number; ordered: boolean };

export interface BurstResult {
  messages: number;
  deliveriesPerSecond: number;
}

export interface PacedResult {
  messages: number;
  p50Ms: number;
  p99Ms: number;
}

/** What is known of the run under way. */
interface Run {
  crowd: Crowd;
  ordered: boolean;
  startedAt: number;
  sent: number;
  delivered: number;
  lastAt: number;
  done: PromiseWithResolvers<void>;
  sending: boolean;
  witnessed: Map<Member, Set<number>>;
}

const BODY_BYTES = 150;
const WITNESS_EVERY = 20;
const DRAIN_TIMEOUT_MS = 15_000;
const MARK = '"body":"#';
const MARK_DIGITS = 8;

const crowds = new Map<string, Crowd>();

async function handle(job: SocketJob): Promise<object> {
  if (job.op === "open") {
    crowds.set(job.side, await openCrowd(job));
    return {};
  }
  for (const crowd of crowds.values()) beat(crowd);
  const crowd = crowds.get(job.side);
  if (!crowd) throw new Error(`Cannot load "${job.side}": it is not open`);
  return job.op === "burst" ? await burst(crowd, job) : await pace(crowd, job);
}

function beat({ dialect, members, sender }: Crowd): void {
  if (dialect.heartbeat === undefined) return;
  const frame = encodeFrame(Opcode.text, dialect.heartbeat);
  for (const member of [...members, sender]) member.socket?.write(frame);
}

/** Keeps a number of messages under way, as fast as they arrive everywhere. */
async function burst(
  crowd: Crowd,
  { durationMs, window, ordered }: Extract<SocketJob, { op: "burst" }>,
): Promise<BurstResult> {
  const run = begin(crowd, ordered);
  const receivers = crowd.members.length;
  const deadline = run.startedAt + durationMs;
  function refill(): void {
    const room = window - (run.sent - Math.floor(run.delivered / receivers));
    if (room <= 0 || !run.sending) return;
    run.sending = performance.now() < deadline;
    if (run.sending) send(run, room);
  }
  crowd.onDelivery = (member, bytes, place) => note(run, { member, bytes, place });
  crowd.onRead = () => {
    run.lastAt = performance.now();
    refill();
    settle(run);
  };
  refill();
  await finish(run, durationMs);
  const seconds = (run.lastAt - run.startedAt) / 1_000;
  return { messages: run.sent, deliveriesPerSecond: run.delivered / seconds };
}

/** Sends at a fixed rate and times every delivery; the n-th that a receiver gets is the n-th that was sent. */
async function pace(
  crowd: Crowd,
  { durationMs, perSecond, ordered }: Extract<SocketJob, { op: "paced" }>,
): Promise<PacedResult> {
  const run = begin(crowd, ordered);
  const total = Math.round((durationMs / 1_000) * perSecond);
  const sentAt: number[] = [];
  const latencies: number[] = [];
  crowd.onDelivery = (member, bytes, place) => {
    latencies.push(performance.now() - (sentAt[member.count - 1] ?? Number.NaN));
    note(run, { member, bytes, place });
  };
  crowd.onRead = () => settle(run);
  function tick(): void {
    sentAt.push(performance.now());
    send(run, 1);
    run.sending = run.sent < total;
    const next = run.startedAt + (run.sent * 1_000) / perSecond;
    if (run.sending) setTimeout(tick, Math.max(0, next - performance.now()));
  }
  tick();
  await finish(run, durationMs);
  const sorted = Float64Array.from(latencies).toSorted();
  return {
    messages: run.sent,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
  };
}

function begin(crowd: Crowd, ordered: boolean): Run {
  for (const member of crowd.members) member.count = 0;
  const witnesses = crowd.members.filter(({ index }) => index % WITNESS_EVERY === 0);
  const run: Run = {
    crowd,
    ordered,
    startedAt: performance.now(),
    sent: 0,
    delivered: 0,
    lastAt: 0,
    done: Promise.withResolvers(),
    sending: true,
    witnessed: new Map(witnesses.map((member) => [member, new Set()])),
  };
  crowd.onFailure = (error) => run.done.reject(error);
  return run;
}

function send(run: Run, count: number): void {
  const { crowd } = run;
  const frames: Buffer[] = [];
  for (let index = run.sent; index < run.sent + count; index += 1) {
    const body = `#${String(index).padStart(MARK_DIGITS, "0")} `.padEnd(BODY_BYTES, "bench ");
    frames.push(encodeFrame(Opcode.text, crowd.dialect.message(crowd.talk, body, index)));
  }
  run.sent += count;
  const bytes = Buffer.concat(frames);
  if (crowd.sender.socket?.write(bytes) !== bytes.length)
    run.done.reject(new Error("Cannot send: the server does not read"));
}

function note(
  run: Run,
  { member, bytes, place }: { member: Member; bytes: Buffer; place: FramePlace },
): void {
  run.delivered += 1;
  const seen = run.witnessed.get(member);
  if (!seen) return;
  const text = bytes.toString("latin1", place.start, place.end);
  const at = text.indexOf(MARK) + MARK.length;
  const index = Number(text.slice(at, at + MARK_DIGITS));
  const isNext = index === seen.size;
  if (!Number.isInteger(index) || seen.has(index) || (run.ordered && !isNext))
    throw new Error(`Cannot accept a delivery: message ${index} came as number ${seen.size}`);
  seen.add(index);
}

function settle(run: Run): void {
  if (!run.sending && run.delivered >= run.sent * run.crowd.members.length) run.done.resolve();
}

/** Waits for everything that was sent, then looks whether everybody has got all of it, once. */
async function finish(run: Run, durationMs: number): Promise<void> {
  const { crowd, done } = run;
  const late = () => {
    const wanted = run.sent * crowd.members.length;
    done.reject(new Error(`Cannot finish: ${run.delivered} of ${wanted} deliveries came`));
  };
  const timer = setTimeout(late, durationMs + DRAIN_TIMEOUT_MS);
  await done.promise.finally(() => {
    clearTimeout(timer);
    crowd.onDelivery = () => undefined;
    crowd.onRead = () => undefined;
  });
  for (const { index, count } of crowd.members)
    if (count !== run.sent)
      throw new Error(`Cannot accept it: receiver ${index} got ${count} of ${run.sent} messages`);
}

if (import.meta.main) await serveJobs((job) => handle(job as SocketJob));
