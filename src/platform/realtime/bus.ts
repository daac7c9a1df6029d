import type { Keys } from "../keys.ts";
import type { Log } from "../log.ts";
import type { Redis } from "../redis.ts";
import { withTimeout } from "../time.ts";

/** What travels between instances: a channel and a text of one line that the receiving hub understands. */
export interface BusMessage {
  channel: string;
  text: string;
}

/** Carries messages between instances, at most once; what it loses is found by position and read from Postgres. */
export interface Bus {
  /** Resolves when Redis has taken all messages. @throws AppError dependency_unavailable when it has not. */
  publish(messages: BusMessage[]): Promise<void>;
  /** Resolves when Redis has confirmed, or at once while it is away: the subscription then follows on return. */
  subscribe(channels: string[]): Promise<void>;
  unsubscribe(channels: string[]): Promise<void>;
  onMessage(listener: (message: BusMessage) => void): void;
  /** Calls back after every time in which messages may have been missed. */
  onRecovered(listener: () => void): void;
  isReady(): boolean;
}

/** The sending half alone, for who has no sockets. */
export function createBusPublisher({
  commands,
  keys,
}: Pick<BusOptions, "commands" | "keys">): Pick<Bus, "publish"> {
  return {
    publish: async (messages) => {
      await commands.run("publish to the bus", (client) =>
        Promise.all(
          bundle(messages).map(({ channel, text }) => client.publish(keys.channel(channel), text)),
        ),
      );
    },
  };
}

export interface BusOptions {
  commands: Redis;
  /** A connection of its own, because a subscription outlives any command. */
  subscriber: Redis;
  keys: Keys;
  log: Log;
}

/** Channels in one command, so that a resubscription of thousands is neither one huge command nor thousands. */
const BATCH = 512;
const SUBSCRIBE_TIMEOUT_MS = 2_000;
/** Texts of one channel travel together, one a line, up to this size. */
const MAX_BUNDLE_LENGTH = 65_536;

export function createBus({ commands, subscriber, keys, log }: BusOptions): Bus {
  const wanted = new Set<string>();
  const messageListeners: ((message: BusMessage) => void)[] = [];
  const recoveryListeners: (() => void)[] = [];

  function receive(text: string, name: string): void {
    const channel = keys.channelOf(name);
    for (const line of text.split("\n"))
      for (const listener of messageListeners) listener({ channel, text: line });
  }
  async function send(channels: string[], change: "subscribe" | "unsubscribe"): Promise<void> {
    for (let at = 0; at < channels.length; at += BATCH) {
      const names = channels.slice(at, at + BATCH).map((channel) => keys.channel(channel));
      const done =
        change === "subscribe"
          ? subscriber.client.subscribe(names, receive)
          : subscriber.client.unsubscribe(names, receive);
      await withTimeout(done, { what: `redis to ${change}`, timeoutMs: SUBSCRIBE_TIMEOUT_MS });
    }
  }
  async function recover(): Promise<void> {
    try {
      await send([...wanted], "subscribe");
    } catch (error) {
      log.warn("cannot resubscribe to the bus", { error });
    }
    for (const listener of recoveryListeners) listener();
  }
  subscriber.onReady(() => void recover());

  return {
    ...createBusPublisher({ commands, keys }),
    subscribe: async (channels) => {
      for (const channel of channels) wanted.add(channel);
      if (!subscriber.isReady()) return;
      await send(channels, "subscribe").catch((error: unknown) =>
        log.warn("cannot subscribe to the bus", { error }),
      );
    },
    unsubscribe: async (channels) => {
      for (const channel of channels) wanted.delete(channel);
      if (!subscriber.isReady()) return;
      await send(channels, "unsubscribe").catch((error: unknown) =>
        log.warn("cannot unsubscribe from the bus", { error }),
      );
    },
    onMessage: (listener) => void messageListeners.push(listener),
    onRecovered: (listener) => void recoveryListeners.push(listener),
    isReady: () => subscriber.isReady() && commands.isReady(),
  };
}

/** Neighbours of one channel in one message: a busy channel costs Redis and each instance one message for many. */
function bundle(messages: BusMessage[]): BusMessage[] {
  const bundles: BusMessage[] = [];
  for (const { channel, text } of messages) {
    const last = bundles.at(-1);
    if (last?.channel === channel && last.text.length + text.length < MAX_BUNDLE_LENGTH)
      last.text += `\n${text}`;
    else bundles.push({ channel, text });
  }
  return bundles;
}
