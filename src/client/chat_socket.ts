import type { MessageAt, NewChatMessage, Patience } from "./commands.ts";
import type { ChatEvent, Ephemeral, UserEvent } from "./events.ts";
import type { OutboxChange, SentMessage, Waiting } from "./outbox.ts";
import type { OutboxStore } from "./outbox_store.ts";
import type { ReadMark } from "./reads.ts";
import type { TopicListener } from "./topics.ts";
import type { Ended } from "./verdict.ts";

/**
 * `connecting` until the server has let us in, `open` from then on, `waiting` before the next attempt, and `closed`
 * for good, by us or by a verdict of the server.
 */
export type SocketState = "connecting" | "open" | "waiting" | "closed";

/** Events of this channel up to `seq` will not come: what they were about is to be read over HTTP. */
export interface Reset {
  channel: string;
  /** None where the channel is the user's own. */
  conversationId?: string;
  seq: number;
}

/** What `on` tells, by type. */
export interface SocketEvents {
  state: SocketState;
  event: ChatEvent;
  /** Of the user's own stream. */
  user: UserEvent;
  /** Of the conversations in `focus`. */
  ephemeral: Ephemeral;
  outbox: OutboxChange;
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
  /** Where messages wait that could not be sent yet: see `createBrowserOutbox`. By default they wait as long as the socket. */
  outbox?: OutboxStore;
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
  /** What the outbox holds, in the order in which it was written. */
  readonly waiting: Waiting[];
  /** Calls the listener until the function that it answers is called. */
  on<Type extends keyof SocketEvents>(
    type: Type,
    listener: (value: SocketEvents[Type]) => void,
  ): () => void;
  /** Resolves when the message is stored; until then it survives reconnections. @throws ClientError */
  send(message: NewChatMessage & Patience): Promise<SentMessage>;
  /** Replaces what a message of one's own says; `rev` is the revision that was on screen. @throws ClientError */
  edit(edit: MessageAt & Patience & { body: string; rev: number }): Promise<void>;
  /** @throws ClientError */
  delete(message: MessageAt & Patience): Promise<void>;
  /** Puts a reaction to a message, or takes it back. @throws ClientError */
  react(reaction: MessageAt & Patience & { emoji: string; on: boolean }): Promise<void>;
  /** @throws ClientError */
  pin(pin: MessageAt & Patience & { on: boolean }): Promise<void>;
  /** Notes how far the user has read; it may be called with every message that passes. */
  read(mark: ReadMark): void;
  /** Says that the user is typing, or has stopped; it may be called with every key. */
  type(conversationId: string, on: boolean): void;
  /** Says which conversations are on screen: only of these it is told who types and who is there. */
  focus(conversationIds: string[]): void;
  /** Tells what a topic such as `ticker:VNM` holds, now and from now on, until the function that it answers is called. */
  subscribe(topic: string, listener: TopicListener): () => void;
  /**
   * Delivery begins behind `seq`, for who has read the history up to there. False when it has begun further ahead: then
   * what was read is too old, and is to be read again.
   */
  follow(conversationId: string, seq: number): boolean;
  /** Ends the socket for good and leaves no timer behind. */
  close(): void;
}
