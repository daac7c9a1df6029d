import { type Person, signIn } from "./client.ts";
import {
  createLiveCheck,
  emptyLog,
  type EventLog,
  type LiveCheck,
  type Promised,
} from "./consistency_log.ts";
import { type ChannelReader, createChannelReader, type Told } from "./consistency_reader.ts";

/** Somebody who writes and reads, and comes back after whatever happens, as an honest client does. */
export interface ModelClient {
  /** Sends a message, again and again under the same client id, until it is acknowledged. */
  send: (conversationId: string, body: string) => void;
  /** Messages without an answer. */
  pending: () => number;
  promised: Promised[];
  logOf: (conversationId: string) => EventLog;
  positionOf: (conversationId: string) => number;
  stats: ClientStats;
  close: () => void;
}

export interface ClientStats {
  connects: number;
  syncs: number;
  resends: number;
  /** Live events of one socket that were not in order. */
  liveFaults: number;
  /** Answers that no client can do anything about. */
  refusals: string[];
}

export interface ModelClientOptions {
  person: Person;
  conversationIds: string[];
  /** The instances that are up, of which one is chosen. */
  pickUrl: () => string | undefined;
  random: () => number;
}

interface Pending {
  conversationId: string;
  body: string;
}

interface Frame {
  t: string;
  i?: number;
  ch?: string;
  chg?: Record<string, number>;
  top?: Record<string, number>;
  ev?: Told[];
  more?: boolean;
  cid?: string;
  msg?: string;
  seq?: number;
  retry?: boolean;
}

/** What a client knows between two sockets. */
interface Memory {
  options: ModelClientOptions;
  readers: Map<string, ChannelReader>;
  pending: Map<string, Pending>;
  promised: Promised[];
  stats: ClientStats;
  closed: boolean;
}

/** One socket, from its hello to its end. */
interface Life {
  /** Sends the frame if the server has greeted, and answers its number. */
  transmit: (frame: object) => number;
  ended: Promise<number>;
  end: () => void;
}

const HEARTBEAT_MS = 1_000;
/** A server that says nothing for so long is given up. */
const SILENCE_LIMIT_MS = 8_000;
const MAX_RETRY_MS = 300;
/** Access tokens live longer than this. */
const TOKEN_LIFE_MS = 240_000;

export function openModelClient(options: ModelClientOptions): ModelClient {
  let life: Life | undefined;
  const asked = new Map<number, ChannelReader>();
  const readers = new Map<string, ChannelReader>();
  for (const id of options.conversationIds) {
    const ch = `c:${id}`;
    const reader = createChannelReader((from) => {
      stats.syncs += 1;
      const number = life?.transmit({ t: "sync", ch, from });
      if (number !== undefined) asked.set(number, reader);
    });
    readers.set(ch, reader);
  }
  const stats: ClientStats = { connects: 0, syncs: 0, resends: 0, liveFaults: 0, refusals: [] };
  const memory: Memory = {
    options,
    readers,
    pending: new Map(),
    promised: [],
    stats,
    closed: false,
  };
  function open(url: string, token: string): Life {
    asked.clear();
    return (life = openLife({ url, token, memory, asked }));
  }
  void comeBack(memory, open);
  return {
    send: (conversationId, body) => {
      const cid = crypto.randomUUID();
      memory.pending.set(cid, { conversationId, body });
      life?.transmit({ t: "send", ch: `c:${conversationId}`, cid, body });
    },
    pending: () => memory.pending.size,
    promised: memory.promised,
    logOf: (id) => readers.get(`c:${id}`)?.log ?? emptyLog(),
    positionOf: (id) => readers.get(`c:${id}`)?.last ?? 0,
    stats,
    close: () => {
      memory.closed = true;
      life?.end();
    },
  };
}

/** One socket after the other, each at an instance that is up. */
async function comeBack(memory: Memory, open: (url: string, token: string) => Life): Promise<void> {
  const { options, readers } = memory;
  let { person } = options;
  let tokenAt = performance.now();
  while (!memory.closed) {
    const url = options.pickUrl();
    try {
      if (url !== undefined && performance.now() - tokenAt > TOKEN_LIFE_MS) {
        person = await signIn(url, person);
        tokenAt = performance.now();
      }
      const code = url === undefined ? 0 : await open(url, person.token).ended;
      // A session that has ended needs another token; every other close is an invitation to come back.
      if (code === 4401 || code === 4005) tokenAt = Number.NEGATIVE_INFINITY;
    } catch {
      // The instance has gone in between.
    }
    for (const reader of readers.values()) reader.forget();
    await Bun.sleep(options.random() * MAX_RETRY_MS);
  }
}

interface LifeOptions {
  url: string;
  token: string;
  memory: Memory;
  /** Whose answers are waited for, by the number of the request. */
  asked: Map<number, ChannelReader>;
}

function openLife({ url, token, memory, asked }: LifeOptions): Life {
  const { readers, stats } = memory;
  const ws = new WebSocket(`${url.replace(/^http/, "ws")}/v1/ws`, ["frm.v1"]);
  const ended = Promise.withResolvers<number>();
  const order = new Map<string, LiveCheck>();
  let greeted = false;
  let number = 1;
  let heardAt = performance.now();

  function positions(): Record<string, number> {
    return Object.fromEntries([...readers].map(([ch, reader]) => [ch, reader.last]));
  }
  function transmit(frame: object): number {
    number += 1;
    if (greeted && ws.readyState === WebSocket.OPEN)
      ws.send(JSON.stringify({ ...frame, i: number }));
    return number;
  }
  function take(frame: Frame): void {
    if (frame.t === "hello.ok") {
      greeted = true;
      stats.connects += 1;
    }
    if (frame.t === "ev") checkOrder(frame as unknown as Told);
    takeFrame(frame, { memory, asked, transmit, end: () => ws.close() });
  }
  function checkOrder({ ch, seq }: Told): void {
    if (!readers.has(ch)) return;
    const check = order.get(ch) ?? createLiveCheck();
    order.set(ch, check);
    const before = check.faults;
    check.take(seq);
    stats.liveFaults += check.faults - before;
  }
  ws.addEventListener("open", () =>
    ws.send(JSON.stringify({ t: "hello", i: 1, v: 1, tok: token, focus: positions() })),
  );
  ws.addEventListener("message", ({ data }: MessageEvent<string>) => {
    heardAt = performance.now();
    const value = JSON.parse(data) as Frame | Frame[];
    for (const frame of Array.isArray(value) ? value : [value]) take(frame);
  });
  ws.addEventListener("close", ({ code }) => ended.resolve(code));
  const beat = setInterval(() => {
    transmit({ t: "hb", p: positions() });
    if (performance.now() - heardAt < SILENCE_LIMIT_MS) return;
    ended.resolve(0);
    ws.close();
  }, HEARTBEAT_MS);
  void ended.promise.finally(() => clearInterval(beat));
  return { transmit, ended: ended.promise, end: () => ws.close() };
}

interface Receiver {
  memory: Memory;
  asked: Map<number, ChannelReader>;
  transmit: (frame: object) => number;
  end: () => void;
}

function takeFrame(frame: Frame, receiver: Receiver): void {
  const { memory } = receiver;
  switch (frame.t) {
    case "hello.ok":
      sendAgain(receiver);
      return expectAll(memory.readers, frame.chg);
    case "hb.ok":
      return expectAll(memory.readers, frame.top);
    case "ev":
      return memory.readers.get(frame.ch ?? "")?.take(frame as unknown as Told);
    case "sync.ok":
      return takeSync(frame, receiver);
    case "ack":
      return takeAck(frame, memory);
    case "err":
      if (frame.retry !== true) memory.stats.refusals.push(JSON.stringify(frame));
      // Whatever it was about, what has no answer is asked for again by the next socket.
      return receiver.end();
    default:
  }
}

function sendAgain({ memory, transmit }: Receiver): void {
  for (const [cid, { conversationId, body }] of memory.pending) {
    memory.stats.resends += 1;
    transmit({ t: "send", ch: `c:${conversationId}`, cid, body });
  }
}

function takeSync({ i = 0, ev, more = false }: Frame, { memory, asked }: Receiver): void {
  const reader = asked.get(i);
  asked.delete(i);
  if (!ev) memory.stats.refusals.push("a reset, where every event is kept");
  reader?.fill(ev ?? [], more);
}

function expectAll(readers: Map<string, ChannelReader>, tops: Frame["top"] = {}): void {
  for (const [ch, top] of Object.entries(tops)) readers.get(ch)?.expect(top);
}

function takeAck({ cid = "", msg = "", seq = 0 }: Frame, { pending, promised }: Memory): void {
  if (pending.delete(cid.toLowerCase()))
    promised.push({ clientId: cid.toLowerCase(), messageId: msg, seq });
}
