/** One connection to Chromium over its DevTools protocol, shared by all pages. */
export interface DevTools {
  call: (method: string, params?: object, sessionId?: string) => Promise<Json>;
  /** Calls `take` for every event of one page. */
  listen: (sessionId: string, take: (method: string, params: Json) => void) => void;
  close: () => void;
}

/** What the protocol answers; a test reads single fields of it. */
export type Json = Record<string, unknown>;

interface Reply {
  id?: number;
  result?: Json;
  error?: { message: string };
  method?: string;
  params?: Json;
  sessionId?: string;
}

const CALL_LIMIT_MS = 30_000;

export async function connectDevTools(url: string): Promise<DevTools> {
  const socket = new WebSocket(url);
  const calls = new Map<number, PromiseWithResolvers<Json>>();
  const listeners = new Map<string, (method: string, params: Json) => void>();
  const opened = Promise.withResolvers<void>();
  let last = 0;

  socket.addEventListener("open", () => opened.resolve());
  socket.addEventListener("close", () => {
    const gone = new Error("Cannot use Chromium: it has gone");
    opened.reject(gone);
    for (const call of calls.values()) call.reject(gone);
    calls.clear();
  });
  socket.addEventListener("message", ({ data }) => {
    const reply = JSON.parse(String(data)) as Reply;
    if (reply.method !== undefined) {
      listeners.get(reply.sessionId ?? "")?.(reply.method, reply.params ?? {});
      return;
    }
    const call = calls.get(reply.id ?? 0);
    if (reply.error) call?.reject(new Error(`Cannot drive Chromium: ${reply.error.message}`));
    else call?.resolve(reply.result ?? {});
  });
  await opened.promise;

  async function call(method: string, params: object = {}, sessionId?: string): Promise<Json> {
    const id = (last += 1);
    const answered = Promise.withResolvers<Json>();
    const late = setTimeout(
      () => answered.reject(new Error(`Cannot wait for "${method}" any longer`)),
      CALL_LIMIT_MS,
    );
    calls.set(id, answered);
    socket.send(JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) }));
    return await answered.promise.finally(() => {
      clearTimeout(late);
      calls.delete(id);
    });
  }
  return {
    call,
    listen: (sessionId, take) => void listeners.set(sessionId, take),
    close: () => socket.close(),
  };
}
