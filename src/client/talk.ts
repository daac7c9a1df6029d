import { backoffMs } from "./backoff.ts";
import { Channels } from "./channels.ts";
import type { ChatSocket, SocketEvents } from "./chat_socket.ts";
import {
  type Command,
  deleteCommand,
  editCommand,
  type Patience,
  pinCommand,
  reactCommand,
  sendCommand,
} from "./commands.ts";
import { OWN_CHANNEL, toEphemeral, toEvent, toUserEvent } from "./events.ts";
import {
  channelOf,
  conversationOf,
  type ErrorFrame,
  type EventFrame,
  type ServerFrame,
} from "./frames.ts";
import { Outbox, type SentMessage } from "./outbox.ts";
import { createMemoryOutbox, type OutboxStore } from "./outbox_store.ts";
import { Presence, type PresenceFrame } from "./presence.ts";
import { ClientError } from "./problem.ts";
import { Reads } from "./reads.ts";
import type { SessionRequest } from "./session.ts";
import { Topics } from "./topics.ts";

export interface TalkOptions {
  outbox?: OutboxStore;
  /** Sends a request now and answers its number; undefined while there is no connection. */
  request: (frame: SessionRequest) => number | undefined;
  /** Sends what nobody answers, if it can be sent now. */
  say: (frame: PresenceFrame) => void;
  isClosed: () => boolean;
  tell: <Type extends keyof SocketEvents>(type: Type, value: SocketEvents[Type]) => void;
}

/** Who takes each type of frame. */
type Takers = {
  [Type in ServerFrame["t"]]?: (frame: Extract<ServerFrame, { t: Type }>) => unknown;
};

type Actions = Omit<ChatSocket, "state" | "waiting" | "on" | "close" | typeof Symbol.dispose>;

/** What the two sides say to each other, whichever connection carries it. */
export class Talk {
  readonly channels: Channels;
  readonly outbox: Outbox;
  readonly actions: Actions;
  readonly #options: TalkOptions;
  readonly #reads: Reads;
  readonly #topics: Topics;
  readonly #presence: Presence;
  readonly #takers: Takers = {
    ev: (frame) => this.channels.take(frame),
    "sync.ok": (frame) => this.channels.answer(frame.i ?? 0, frame),
    "hb.ok": ({ top }) => this.channels.compare(top),
    ack: (frame) => this.outbox.acknowledge(frame),
    ok: ({ i }) => this.outbox.confirm(i) || this.#reads.settle(i, { again: false }),
    err: (frame) => this.#refuse(frame),
    eph: (frame) => {
      const ephemeral = toEphemeral(frame);
      if (ephemeral) this.#options.tell("ephemeral", ephemeral);
    },
    "sub.ok": (frame) => this.#topics.begin(frame),
    "sub.end": (frame) => this.#topics.end(frame),
    top: (frame) => this.#topics.take(frame),
  };
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: TalkOptions) {
    this.#options = options;
    const { request, tell } = options;
    const retryLater = () => this.#retryLater();
    this.outbox = new Outbox({
      post: request,
      store: options.outbox ?? createMemoryOutbox(),
      tell: (change) => tell("outbox", change),
    });
    this.channels = new Channels({
      deliver: (frame) => this.#deliver(frame),
      reset: (channel, seq) =>
        tell("reset", {
          channel,
          seq,
          ...(channel === OWN_CHANNEL ? {} : { conversationId: conversationOf(channel) }),
        }),
      ask: (ch, from) => request({ t: "sync", ch, from }) ?? 0,
      retryLater,
    });
    this.#reads = new Reads({ post: request });
    this.#topics = new Topics({ post: request, retryLater });
    this.#presence = new Presence(options.say);
    this.actions = this.#createActions();
    void this.outbox.adopt();
  }

  /** The server has let us in and told where the channels stand. */
  open(positions: Record<string, number>): void {
    this.channels.greet(positions);
    this.#presence.open();
    this.outbox.flush();
    this.#topics.flush();
    this.#reads.flush();
    void this.outbox.adopt();
  }

  /** Somebody looks at the page again; another one may have gone with work undone. */
  wake(): void {
    void this.outbox.adopt();
  }

  look(isAway: boolean): void {
    this.#presence.look(isAway);
  }

  /** A type that a later server has invented is not for us. */
  take(frame: ServerFrame): void {
    if (!Object.hasOwn(this.#takers, frame.t)) return;
    (this.#takers[frame.t] as ((frame: ServerFrame) => void) | undefined)?.(frame);
  }

  /** The connection is gone, and with it every answer that was due. */
  disconnect(): void {
    this.outbox.disconnect();
    this.channels.disconnect();
    this.#reads.disconnect();
    this.#topics.disconnect();
  }

  close(): void {
    clearTimeout(this.#retryTimer);
    this.#reads.close();
    this.outbox.close();
  }

  #createActions(): Actions {
    const act = async (command: Command, patience: Patience) => {
      await this.#add(command, patience);
    };
    return {
      send: async (message) => {
        const sent = await this.#add(sendCommand(message), message);
        if (!sent) throw new ClientError("closed", "Cannot send a message: no answer came");
        return sent;
      },
      edit: (edit) => act(editCommand(edit), edit),
      delete: (message) => act(deleteCommand(message), message),
      react: (reaction) => act(reactCommand(reaction), reaction),
      pin: (pin) => act(pinCommand(pin), pin),
      read: (mark) => this.#reads.set(mark),
      type: (conversationId, on) => this.#presence.type(conversationId, on),
      focus: (conversationIds) => this.#presence.focus(conversationIds),
      subscribe: (topic, listener) => this.#topics.add(topic, listener),
      follow: (conversationId, seq) => this.channels.follow(channelOf(conversationId), seq),
    };
  }

  async #add(command: Command, patience: Patience): Promise<SentMessage | undefined> {
    if (this.#options.isClosed())
      throw new ClientError("closed", "Cannot act in a conversation: the socket is closed");
    return await this.outbox.add(command, patience);
  }

  #deliver(frame: EventFrame): void {
    const { tell } = this.#options;
    if (frame.ch === OWN_CHANNEL) {
      const event = toUserEvent(frame);
      if (event) tell("user", event);
      return;
    }
    const event = toEvent(frame);
    if (event) tell("event", event);
  }

  #refuse(frame: ErrorFrame): void {
    if (this.outbox.refuse(frame) || this.#topics.refuse(frame)) return;
    if (this.#reads.settle(frame.i, { again: frame.retry })) return;
    this.channels.refuse(frame.i ?? 0, frame);
  }

  #retryLater(): void {
    this.#retryTimer ??= setTimeout(() => {
      this.#retryTimer = undefined;
      this.channels.pump();
      this.#topics.flush();
    }, backoffMs(1));
  }
}
