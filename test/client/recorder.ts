import {
  type ChatEvent,
  type ChatSocket,
  createSocket,
  type Ended,
  type Reset,
  type SocketOptions,
  type SocketState,
} from "../../src/client/mod.ts";
import { until } from "../support/poll.ts";

/** A socket and everything that it has told. */
export interface Recorder extends Disposable {
  socket: ChatSocket;
  events: ChatEvent[];
  states: SocketState[];
  resets: Reset[];
  ended: Ended[];
  /** How many tickets were asked for. */
  tickets: () => number;
}

/** Opens a socket that comes back at once. */
export function record(url: string, options: Partial<SocketOptions> = {}): Recorder {
  let tickets = 0;
  const socket = createSocket({
    url,
    ticket: async () => `ticket ${(tickets += 1)}`,
    backoffMs: () => 1,
    ...options,
  });
  const recorder: Omit<Recorder, typeof Symbol.dispose> = {
    socket,
    events: [],
    states: [],
    resets: [],
    ended: [],
    tickets: () => tickets,
  };
  socket.on("event", (event) => recorder.events.push(event));
  socket.on("state", (state) => recorder.states.push(state));
  socket.on("reset", (reset) => recorder.resets.push(reset));
  socket.on("ended", (ended) => recorder.ended.push(ended));
  return { ...recorder, [Symbol.dispose]: () => socket.close() };
}

export async function opened(recorder: Recorder): Promise<void> {
  await until("the socket to open", () => recorder.socket.state === "open");
}

export function seqsOf({ events }: Recorder): number[] {
  return events.map(({ seq }) => seq);
}
