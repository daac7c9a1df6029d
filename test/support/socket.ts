/** A frame from the server. */
export interface Frame {
  t: string;
  i?: number;
  ch?: string;
  seq?: number;
  k?: string;
  d?: { id?: string; body?: string; [key: string]: unknown };
  [key: string]: unknown;
}

/** A plain WebSocket of `frm.v1` that remembers what it got. */
export interface TestSocket {
  frames: Frame[];
  /** How many of the texts that came were batches. */
  batches: () => number;
  /** Sends an object as JSON, a text or bytes as they are. */
  send: (frame: object | string | Uint8Array<ArrayBuffer>) => void;
  /** Resolves with the first frame, past or future, that fits. */
  next: (fits: (frame: Frame) => boolean, what?: string) => Promise<Frame>;
  closed: Promise<{ code: number; reason: string }>;
  close: () => void;
}

const WAIT_MS = 15_000;

/** Opens a socket without saying hello. */
export async function openRawSocket(
  url: string,
  options: { protocols?: string[]; headers?: Record<string, string> } = {},
): Promise<TestSocket> {
  const ws = new WebSocket(`${url.replace(/^http/, "ws")}/v1/ws`, {
    protocols: options.protocols ?? ["frm.v1"],
    headers: options.headers ?? {},
  } as unknown as string[]);
  const frames: Frame[] = [];
  let batches = 0;
  const waiting = new Set<() => void>();
  const closed = Promise.withResolvers<{ code: number; reason: string }>();
  const opened = Promise.withResolvers<void>();
  ws.addEventListener("open", () => opened.resolve());
  ws.addEventListener("error", () => opened.reject(new Error("Cannot open a socket")));
  ws.addEventListener("close", ({ code, reason }) => closed.resolve({ code, reason }));
  ws.addEventListener("message", ({ data }) => {
    const value = JSON.parse(String(data)) as Frame | Frame[];
    if (Array.isArray(value)) batches += 1;
    frames.push(...(Array.isArray(value) ? value : [value]));
    for (const wake of waiting) wake();
  });
  await opened.promise;
  return {
    frames,
    batches: () => batches,
    send: (frame) => {
      const asIs = typeof frame === "string" || frame instanceof Uint8Array;
      ws.send(asIs ? frame : JSON.stringify(frame));
    },
    next: async (fits, what = "a frame") => {
      const found = Promise.withResolvers<Frame>();
      const look = () => {
        const frame = frames.find(fits);
        if (frame) found.resolve(frame);
      };
      const timer = setTimeout(
        () => found.reject(new Error(`Cannot wait for ${what}: got ${frames.length} frames`)),
        WAIT_MS,
      );
      waiting.add(look);
      look();
      return await found.promise.finally(() => {
        clearTimeout(timer);
        waiting.delete(look);
      });
    },
    closed: closed.promise,
    close: () => ws.close(),
  };
}

/** Opens a socket and says hello with an access token or a ticket. */
export async function openSocket(
  url: string,
  token: string,
  hello: object = {},
): Promise<TestSocket> {
  const socket = await openRawSocket(url);
  socket.send({ t: "hello", v: 1, i: 1, tok: token, ...hello });
  await socket.next((frame) => frame.t === "hello.ok", "hello.ok");
  return socket;
}

/** The events of one conversation that the socket got, in the order in which they came. */
export function eventsOf(socket: TestSocket, conversationId: string): Frame[] {
  return socket.frames.filter((frame) => frame.t === "ev" && frame.ch === `c:${conversationId}`);
}
