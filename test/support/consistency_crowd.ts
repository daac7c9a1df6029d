import { firstBodyOf } from "./consistency_events.ts";
import type { Promised } from "./consistency_log.ts";

/** Somebody who only talks, much and into all conversations at once, and does not listen. */
export interface Talker {
  /** Sends as much as there is room for, and no more than this many. */
  advance: (most: number) => void;
  /** How many it has sent in all. */
  readonly sent: number;
  takePromised: () => Promised[];
  /** Messages without an answer. */
  readonly pending: number;
  /** Answers that nobody can have deserved. */
  refusals: string[];
  close: () => void;
}

export interface TalkerOptions {
  conversationIds: string[];
  /** The instances that are up, of which one is chosen. */
  pickUrl: () => string;
  /** The access token of the moment. */
  token: () => Promise<string>;
  random: () => number;
}

interface Frame {
  t: string;
  cid?: string;
  msg?: string;
  seq?: number;
  retry?: boolean;
}

/** Messages without an answer: many, so that instances write several at once. */
const WINDOW = 96;
/** Frames of one text, at most as many as the server takes. */
const BATCH = 32;
const MAX_RETRY_MS = 300;
/** A server that says nothing for so long while it owes an answer is given up. */
const SILENCE_LIMIT_MS = 8_000;
const LOOK_MS = 1_000;

export function openTalker(options: TalkerOptions): Talker {
  const { conversationIds, random } = options;
  const waiting = new Map<string, string>();
  const refusals: string[] = [];
  let promised: Promised[] = [];
  let socket: WebSocket | undefined;
  let greeted = false;
  let closed = false;
  let sent = 0;

  function send(entries: [cid: string, conversationId: string][]): void {
    if (!greeted || socket?.readyState !== WebSocket.OPEN) return;
    for (let at = 0; at < entries.length; at += BATCH) {
      const frames = entries.slice(at, at + BATCH).map(([cid, id]) => {
        return { t: "send", ch: `c:${id}`, cid, body: firstBodyOf(cid) };
      });
      socket.send(JSON.stringify(frames));
    }
  }
  function take(frame: Frame): void {
    if (frame.t === "hello.ok") {
      greeted = true;
      // Whatever has no answer may not have come; the same client id makes it the same message.
      send([...waiting]);
    }
    if (frame.t === "ack") {
      const clientId = frame.cid ?? "";
      if (waiting.delete(clientId))
        promised.push({ clientId, messageId: frame.msg ?? "", seq: frame.seq ?? 0 });
    }
    if (frame.t !== "err") return;
    if (frame.retry !== true) refusals.push(JSON.stringify(frame));
    socket?.close();
  }
  async function live(): Promise<void> {
    const ended = Promise.withResolvers<void>();
    const tok = await options.token();
    const ws = new WebSocket(`${options.pickUrl().replace(/^http/, "ws")}/v1/ws`, ["frm.v1"]);
    let heardAt = performance.now();
    socket = ws;
    ws.addEventListener("open", () => ws.send(JSON.stringify({ t: "hello", i: 1, v: 1, tok })));
    ws.addEventListener("close", () => ended.resolve());
    ws.addEventListener("message", ({ data }: MessageEvent<string>) => {
      heardAt = performance.now();
      // It does not look at what the others say, which is most of what comes.
      if (!/"t":"(?:ack|hello\.ok|err)"/.test(data)) return;
      const value = JSON.parse(data) as Frame | Frame[];
      for (const frame of Array.isArray(value) ? value : [value]) take(frame);
    });
    const look = setInterval(() => {
      const isSilent = performance.now() - heardAt > SILENCE_LIMIT_MS;
      if (!isSilent || (greeted && waiting.size === 0)) return;
      ws.close();
      ended.resolve();
    }, LOOK_MS);
    await ended.promise.finally(() => clearInterval(look));
    greeted = false;
  }
  async function comeBack(): Promise<void> {
    while (!closed) {
      await live().catch(() => undefined);
      await Bun.sleep(random() * MAX_RETRY_MS);
    }
  }
  void comeBack();
  return {
    advance: (most) => {
      const fresh: [string, string][] = [];
      for (let free = Math.min(most, WINDOW - waiting.size); free > 0; free -= 1) {
        const id = conversationIds[Math.floor(random() * conversationIds.length)] ?? "";
        fresh.push([crypto.randomUUID(), id]);
      }
      for (const [cid, id] of fresh) waiting.set(cid, id);
      sent += fresh.length;
      send(fresh);
    },
    takePromised: () => {
      const taken = promised;
      promised = [];
      return taken;
    },
    get sent() {
      return sent;
    },
    get pending() {
      return waiting.size;
    },
    refusals,
    close: () => {
      closed = true;
      socket?.close();
    },
  };
}
