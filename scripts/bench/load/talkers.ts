/** Sockets of many people, each of whom may send. They speak the product's protocol through Bun's own client. */

/** Where a socket connects, and who opens it. */
export interface TalkerSpec {
  port: number;
  token: string;
}

/** An event of a conversation, as far as a load looks at it. */
export interface Told {
  ch: string;
  seq: number;
  d: { body?: string };
}

/** One open socket. */
export interface Talker {
  send: (conversationId: string, body: string) => void;
  /** Called for each answer to a send. */
  onAck: () => void;
  /** Events that have come, whoever was to read them. */
  count: number;
  /** Called for each event, if somebody wants to read them; to parse all of them would be most of the load's work. */
  onEvent: ((event: Told) => void) | undefined;
  onFailure: (error: Error) => void;
  beat: () => void;
  close: () => void;
}

const OPEN_TIMEOUT_MS = 30_000;
/** More at once than this wait in the server's line of connections and time out there. */
const OPENING_AT_ONCE = 100;
const EVENT = '{"t":"ev"';
const SHOWN_LENGTH = 300;

/** Opens all sockets; resolves when each has been greeted. */
export async function openTalkers(specs: TalkerSpec[]): Promise<Talker[]> {
  const talkers: Talker[] = [];
  for (let at = 0; at < specs.length; at += OPENING_AT_ONCE)
    talkers.push(...(await Promise.all(specs.slice(at, at + OPENING_AT_ONCE).map(openTalker))));
  return talkers;
}

async function openTalker({ port, token }: TalkerSpec): Promise<Talker> {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/v1/ws`, ["frm.v1"]);
  const ready = Promise.withResolvers<void>();
  let number = 1;
  let open = true;
  const talker: Talker = {
    send: (conversationId, body) => {
      number += 1;
      const cid = crypto.randomUUID();
      ws.send(
        `{"t":"send","i":${number},"ch":"c:${conversationId}","cid":"${cid}","body":"${body}"}`,
      );
    },
    onAck: () => undefined,
    count: 0,
    onEvent: undefined,
    onFailure: () => undefined,
    beat: () => ws.send('{"t":"hb"}'),
    close: () => {
      open = false;
      ws.close();
    },
  };
  const fail = (error: Error) => {
    ready.reject(error);
    if (open) talker.onFailure(error);
  };
  ws.addEventListener("open", () => ws.send(`{"t":"hello","i":1,"v":1,"tok":"${token}"}`));
  ws.addEventListener("close", ({ code }) => fail(new Error(`A socket was closed with ${code}`)));
  ws.addEventListener("message", ({ data }: MessageEvent<string>) => {
    try {
      if (read(talker, data)) ready.resolve();
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  });
  const timer = setTimeout(() => fail(new Error("Cannot open a socket in time")), OPEN_TIMEOUT_MS);
  await ready.promise.finally(() => clearTimeout(timer));
  return talker;
}

/** @returns whether it was the greeting. */
function read(talker: Talker, text: string): boolean {
  if (text.startsWith('{"t":"ack"')) talker.onAck();
  else if (text.startsWith(EVENT) || text.startsWith(`[${EVENT}`)) readEvents(talker, text);
  else if (text.startsWith('{"t":"err"'))
    throw new Error(`An error: ${text.slice(0, SHOWN_LENGTH)}`);
  return text.startsWith('{"t":"hello.ok"');
}

function readEvents(talker: Talker, text: string): void {
  if (talker.onEvent) {
    const value = JSON.parse(text) as Told | Told[];
    for (const event of Array.isArray(value) ? value : [value]) {
      talker.count += 1;
      talker.onEvent(event);
    }
    return;
  }
  // Quotes within a text are escaped, so this never stands inside of one.
  for (let at = text.indexOf(EVENT); at !== -1; at = text.indexOf(EVENT, at + 1)) talker.count += 1;
}
