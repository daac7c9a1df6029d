import type { ChatEvent } from "./frames.ts";
import type { NewChatMessage, SentMessage } from "./outbox.ts";
import type { Ended } from "./verdict.ts";

/**
 * `connecting` until the server has let us in, `open` from then on, `waiting` before the next attempt, and `closed`
 * for good, by us or by a verdict of the server.
 */
export type SocketState = "connecting" | "open" | "waiting" | "closed";

/** Events of this conversation up to `seq` will not come: read its messages over HTTP. */
export interface Reset {
  channel: string;
  conversationId: string;
  seq: number;
}

/** What `on` tells, by type. */
export interface SocketEvents {
  state: SocketState;
  event: ChatEvent;
  reset: Reset;
  ended: Ended;
}

export interface SocketOptions {
  /** Address of the socket, asked before each connection. `http` counts as `ws`, and the path is `/v1/ws` where none is given. */
  url: string | (() => string);
  /**
   * Gets a ticket: see `createTicketSource`. It is asked before each connection, and once more whenever the access token
   * behind the last ticket is about to expire, so it has to be made with the newest token.
   */
  ticket: () => Promise<string>;
  /** Another WebSocket than that of the runtime. */
  WebSocket?: typeof WebSocket;
  /** How long to wait before an attempt, counted from 0 since the last success; by default with full jitter up to 30 s. */
  backoffMs?: (attempt: number) => number;
  /** How long a connection may take, ticket and greeting included. */
  connectTimeoutMs?: number;
  /** How long the server may stay silent when an answer is due. */
  answerTimeoutMs?: number;
}

export interface ChatSocket extends Disposable {
  readonly state: SocketState;
  /** Calls the listener until the function that it answers is called. */
  on<Type extends keyof SocketEvents>(
    type: Type,
    listener: (value: SocketEvents[Type]) => void,
  ): () => void;
  /** Resolves when the message is stored; until then it survives reconnections. @throws ClientError */
  send(message: NewChatMessage): Promise<SentMessage>;
  /** Delivery begins behind `seq`, for who has read the history up to there before the socket was open. */
  follow(conversationId: string, seq: number): void;
  /** Ends the socket for good and leaves no timer behind. */
  close(): void;
}
