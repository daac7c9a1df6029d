import { signUp } from "./client.ts";
import type { Frame } from "./socket.ts";

/** A client of one channel that moves to another instance when it is told to, and keeps account of what it sees. */
export interface Mover {
  /** Position up to which it has seen everything. */
  seen: () => number;
  /** What was wrong: events out of order, repeated, or unexpected closes. */
  faults: string[];
  /** When it first knocked at the other instance; undefined while it has not. */
  cameAt: () => number | undefined;
  /** When the other instance greeted it; undefined while it has not. */
  movedAt: () => number | undefined;
  close: () => void;
}

export interface MoverOptions {
  from: string;
  to: string;
  token: string;
  channel: string;
}

/** Opens a client at the first instance; resolves once it is greeted. */
export async function openMover(options: MoverOptions): Promise<Mover> {
  const mover = new MovingClient(options);
  await mover.greeted.promise;
  return mover;
}

class MovingClient implements Mover {
  readonly faults: string[] = [];
  readonly greeted = Promise.withResolvers<void>();
  readonly #options: MoverOptions;
  readonly #ahead = new Set<number>();
  #seen: number | undefined;
  /** Position of the last event of the present socket. */
  #live = 0;
  #away: [number, number] | undefined;
  #cameAt: number | undefined;
  #movedAt: number | undefined;
  #isDone = false;
  #ws: WebSocket;

  constructor(options: MoverOptions) {
    this.#options = options;
    this.#ws = this.#connect(options.from);
  }
  seen = (): number => this.#seen ?? 0;
  cameAt = (): number | undefined => this.#cameAt;
  movedAt = (): number | undefined => this.#movedAt;
  close = (): void => {
    this.#isDone = true;
    this.#ws.close();
  };

  #connect(url: string): WebSocket {
    const ws = new WebSocket(`${url.replace(/^http/, "ws")}/v1/ws`, ["frm.v1"]);
    const { channel, token } = this.#options;
    this.#live = 0;
    ws.addEventListener("open", () => {
      const focus = this.#seen === undefined ? {} : { focus: { [channel]: this.#seen } };
      ws.send(JSON.stringify({ t: "hello", v: 1, i: 1, tok: token, since: 0, ...focus }));
    });
    ws.addEventListener("message", ({ data }) => {
      const value = JSON.parse(String(data)) as Frame | Frame[];
      for (const frame of Array.isArray(value) ? value : [value]) this.#take(frame);
    });
    ws.addEventListener("close", ({ code }) => this.#lost(code));
    return ws;
  }
  #lost(code: number): void {
    if (this.#isDone) return;
    const isMoved = code === 4001 && this.#away !== undefined;
    // Whoever comes while the instance is full of others comes back a moment later, as the client does.
    const isRefused = code === 1002 || code === 1006;
    if (!isMoved && !(isRefused && this.#away)) this.faults.push(`closed with ${code}`);
    const [from, to] = this.#away ?? [0, 1_000];
    const delayMs = from + Math.random() * (to - from);
    setTimeout(() => {
      if (this.#isDone) return;
      this.#cameAt ??= performance.now();
      this.#ws = this.#connect(this.#options.to);
    }, delayMs);
  }
  #take(frame: Frame): void {
    switch (frame.t) {
      case "hello.ok":
        return this.#greet(frame["chg"] as Record<string, number>);
      case "ev":
        return frame.ch === this.#options.channel ? this.#hear(frame.seq ?? 0) : undefined;
      case "sync.ok":
        for (const { seq = 0 } of frame["ev"] as Frame[]) this.#note(seq);
        return frame["more"] === true ? this.#ask() : undefined;
      case "away":
        this.#away = frame["in"] as [number, number];
        return;
      case "err":
        this.faults.push(JSON.stringify(frame));
        return;
      default:
        return;
    }
  }
  #greet(changed: Record<string, number>): void {
    const top = changed[this.#options.channel] ?? this.seen();
    if (this.#away) this.#movedAt ??= performance.now();
    this.#seen ??= top;
    if (top > this.#seen) this.#ask();
    this.greeted.resolve();
  }
  #hear(seq: number): void {
    if (seq <= this.#live) this.faults.push(`${seq} came after ${this.#live}`);
    this.#live = seq;
    this.#note(seq);
  }
  #ask(): void {
    const { channel } = this.#options;
    this.#ws.send(JSON.stringify({ t: "sync", i: 2, ch: channel, from: this.#seen }));
  }
  #note(seq: number): void {
    if (this.#seen === undefined) return;
    this.#ahead.add(seq);
    while (this.#ahead.delete(this.#seen + 1)) this.#seen += 1;
  }
}

/** Signs up people, a few at a time, because each password is hashed on purpose slowly. */
export async function signUpMany(url: string, count: number) {
  const people: Awaited<ReturnType<typeof signUp>>[] = [];
  while (people.length < count) {
    const size = Math.min(4, count - people.length);
    people.push(...(await Promise.all(Array.from({ length: size }, () => signUp(url)))));
  }
  return people;
}

/** Most of the times that lie within one stretch of this length. */
export function busiest(times: number[], stretchMs: number): number {
  const sorted = times.toSorted((one, other) => one - other);
  let [most, start] = [0, 0];
  for (const [end, time] of sorted.entries()) {
    while (time - (sorted[start] ?? time) >= stretchMs) start += 1;
    most = Math.max(most, end - start + 1);
  }
  return most;
}
