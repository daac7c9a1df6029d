/** A frame of either side, as it travels. */
export interface Frame {
  t: string;
  i?: number;
  [key: string]: unknown;
}

export interface ScriptedEvent extends Frame {
  ch: string;
  seq: number;
}

/** One connection, seen from the server. */
export interface Peer {
  /** What the client has sent. */
  frames: Frame[];
  send: (...frames: (Frame | string)[]) => void;
  close: (code: number, reason?: string) => void;
  /** Cuts the connection without a word. */
  cut: () => void;
}

export interface Script {
  /** Answers a frame in another way than a good server does; true when the frame is thereby settled. */
  answer?: (frame: Frame, peer: Peer) => boolean | undefined;
  hbMs?: number;
  /** What topics hold; those that are not here hold nothing yet. */
  topics?: Record<string, { d: unknown; ts: number }>;
}

export interface ScriptedServer extends AsyncDisposable {
  url: string;
  /** All connections since the start, the oldest first. */
  peers: Peer[];
  /** Adds a message to a conversation's log; whether anybody is told is up to the test. */
  append: (channel: string, body?: string) => ScriptedEvent;
  /** Every message that was taken from clients, by clientId. */
  stored: Map<string, ScriptedEvent>;
  /** All frames of one type from all connections. */
  received: (type: string) => Frame[];
}

const HEARTBEAT_MS = 30_000;
/** What a good server does and confirms. */
const PLAIN = /^(?:edit|del|react|pin|read)$/;

/** A small server of `frm.v1` on a real port. It keeps the rules unless its script says otherwise. */
export function openScriptedServer(script: Script = {}): ScriptedServer {
  const logs = new Map<string, ScriptedEvent[]>();
  const stored = new Map<string, ScriptedEvent>();
  const peers: Peer[] = [];

  function append(ch: string, body = "", clientId: string = crypto.randomUUID()): ScriptedEvent {
    const log = logs.get(ch) ?? [];
    logs.set(ch, log);
    const seq = log.length + 1;
    const d = { id: `m${seq}`, seq, clientId, senderId: "s", body, createdAt: "" };
    const event = { t: "ev", ch, seq, k: "msg.new", d, ts: seq };
    log.push(event);
    return event;
  }
  const tops = () => Object.fromEntries([...logs].map(([ch, log]) => [ch, log.length]));

  function store(frame: Frame): Frame {
    const cid = String(frame["cid"]);
    const event = stored.get(cid) ?? append(String(frame["ch"]), String(frame["body"]), cid);
    stored.set(cid, event);
    return { t: "ack", cid, msg: `m${event.seq}`, seq: event.seq };
  }
  function answerWell(frame: Frame): Frame[] {
    const { i } = frame;
    const number = i === undefined ? {} : { i };
    if (frame.t === "hello")
      return [{ t: "hello.ok", ...number, hb: script.hbMs ?? HEARTBEAT_MS, ts: 1, chg: tops() }];
    if (frame.t === "hb") return [{ t: "hb.ok", ...number, ts: 1, top: tops() }];
    if (frame.t === "send") return [{ ...store(frame), ...number }];
    if (frame.t === "sub") return [{ t: "sub.ok", ...number, ch: valuesOf(frame, script) }];
    if (PLAIN.test(frame.t)) return [{ t: "ok", ...number }];
    if (frame.t !== "sync") return [];
    const from = Number(frame["from"]);
    const rest = (logs.get(String(frame["ch"])) ?? []).filter(({ seq }) => seq > from);
    const ev = rest.slice(0, 10);
    const more = rest.length > ev.length;
    return [{ t: "sync.ok", ...number, from, to: ev.at(-1)?.seq ?? from, ev, more }];
  }

  const server = Bun.serve<{ peer: Peer | undefined }, never>({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, self) =>
      self.upgrade(request, { data: { peer: undefined } })
        ? undefined
        : new Response(null, { status: 400 }),
    websocket: {
      open: (ws) => {
        const peer: Peer = {
          frames: [],
          send: (...frames) => {
            for (const frame of frames)
              ws.send(typeof frame === "string" ? frame : JSON.stringify(frame));
          },
          close: (code, reason) => ws.close(code, reason),
          cut: () => ws.terminate(),
        };
        ws.data.peer = peer;
        peers.push(peer);
      },
      message: (ws, message) => {
        const frame = JSON.parse(String(message)) as Frame;
        const { peer } = ws.data;
        if (!peer) return;
        peer.frames.push(frame);
        if (script.answer?.(frame, peer) !== true) peer.send(...answerWell(frame));
      },
    },
  });
  return {
    url: `ws://127.0.0.1:${server.port}/v1/ws`,
    peers,
    append,
    stored,
    received: (type) => peers.flatMap(({ frames }) => frames.filter(({ t }) => t === type)),
    [Symbol.asyncDispose]: async () => await server.stop(true),
  };
}

function valuesOf({ ch }: Frame, { topics = {} }: Script): object {
  return Object.fromEntries((ch as string[]).map((topic) => [topic, topics[topic] ?? null]));
}
