import type { Keys } from "../keys.ts";
import type { Log } from "../log.ts";
import type { Redis } from "../redis.ts";
import { withTimeout } from "../time.ts";
import { type Canary, createCanary } from "./canary.ts";
import { createWindow, type Window } from "./window.ts";
import type { Wire, WireListener, Wires } from "./wires.ts";

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
  /** Calls back after every time in which messages may have been missed, and when such a time is found to last. */
  onRecovered(listener: () => void): void;
  /** Calls back now and then while nothing is lost. */
  onHeard(listener: () => void): void;
  /** Whether messages can be published. */
  isReady(): boolean;
  /** Whether what is published is heard here, as far as is known. */
  isHearing(): boolean;
  /** How many channels are subscribed to. */
  subscriptions(): number;
  close(): void;
}

export interface BusOptions {
  commands: Redis;
  /** Connections of their own, because a subscription outlives any command. */
  wires: Wires;
  window: Window;
  keys: Keys;
  log: Log;
  /** How often each connection is proven to carry. */
  beatMs?: number;
}

const SUBSCRIBE_TIMEOUT_MS = 2_000;
/** Texts of one channel travel together, one a line, up to this size. */
const MAX_BUNDLE_LENGTH = 65_536;
const ROOM_CHECK_MS = 10_000;
/** Between two attempts to subscribe to what could not be subscribed to. */
const RETRY_MS = 1_000;

export function createBus(options: BusOptions): Bus {
  const { commands, wires, window, keys, log } = options;
  const publisher = createBusPublisher({ commands, keys, window });
  const wanted = new Set<string>();
  const messageListeners: ((message: BusMessage) => void)[] = [];
  const recoveryListeners: (() => void)[] = [];
  const heardListeners: (() => void)[] = [];
  const canaries = new Map<Wire, { canary: Canary; listener: WireListener }>();
  const retries = new Map<Wire, Timer>();
  const roomCheck = setInterval(
    () => void window.checkRoom().catch(() => undefined),
    ROOM_CHECK_MS,
  );

  function receive(text: string, name: string): void {
    const channel = keys.channelOf(name);
    for (const line of text.split("\n"))
      for (const listener of messageListeners) listener({ channel, text: line });
  }
  function recovered(): void {
    for (const listener of recoveryListeners) listener();
  }

  async function send(names: string[], change: "subscribe" | "unsubscribe"): Promise<void> {
    for (const group of wires.groupsOf(names)) {
      const wire = wires.wireOf(group[0] ?? "");
      if (!wire) throw new Error("it is not known at the moment where the channels are");
      // What is wanted is subscribed to when it is back.
      if (!wire.redis.isReady()) continue;
      const done = wires[change](wire, group, receive);
      await withTimeout(done, { what: `redis to ${change}`, timeoutMs: SUBSCRIBE_TIMEOUT_MS });
    }
  }
  async function change(channels: string[], how: "subscribe" | "unsubscribe"): Promise<void> {
    try {
      await send(
        channels.map((channel) => keys.channel(channel)),
        how,
      );
    } catch (error) {
      log.warn(`cannot ${how}`, { error });
      // Some of the channels may be deaf now, which no canary finds.
      for (const wire of wires.list()) recoverLater(wire);
    }
  }
  function recoverLater(wire: Wire): void {
    if (retries.has(wire)) return;
    const timer = setTimeout(() => {
      retries.delete(wire);
      if (wires.list().includes(wire) && wire.redis.isReady()) void recover(wire);
    }, RETRY_MS);
    retries.set(wire, timer);
  }

  /** A wire that is new, or back: nothing is subscribed there any more. */
  async function recover(wire: Wire): Promise<void> {
    for (const [known, { canary }] of canaries)
      if (!wires.list().includes(known) && canaries.delete(known)) canary.stop();
    const names = [...wanted].map((channel) => keys.channel(channel));
    const { listener } = canaries.get(wire) ?? startCanary(wire);
    try {
      await wires.subscribe(wire, [wire.beats], listener);
      // Those that are nowhere at the moment fail, and are tried again.
      await send(
        names.filter((name) => [wire, undefined].includes(wires.wireOf(name))),
        "subscribe",
      );
    } catch (error) {
      log.warn("cannot resubscribe to the bus", { error });
      recoverLater(wire);
    }
    recovered();
  }
  function startCanary(wire: Wire): { canary: Canary; listener: WireListener } {
    const canary = createCanary({
      ...(options.beatMs === undefined ? {} : { intervalMs: options.beatMs }),
      sing: (beat) =>
        commands.run("prove the bus", async (client) => {
          await (commands.shards
            ? client.sPublish(wire.beats, beat)
            : client.publish(wire.beats, beat));
        }),
      onHeard: () => {
        if (isHearing()) for (const listener of heardListeners) listener();
      },
      onMissed: recovered,
      onDeaf: ({ isMute, isNew }) => {
        if (isNew) log.warn("the bus is deaf: its connection is made anew", { isMute });
        // One that knows that it is away comes back by itself, unless it hangs in the attempt.
        if (isMute && (commands.isReady() || !isNew)) commands.renew();
        wire.redis.renew();
        recovered();
      },
    });
    // The same function for every subscription, so that a beat is heard once.
    const started = { canary, listener: (beat: string) => canary.hear(beat) };
    canaries.set(wire, started);
    return started;
  }
  function isHearing(): boolean {
    return wires
      .list()
      .every((wire) => wire.redis.isReady() && canaries.get(wire)?.canary.isHearing !== false);
  }

  wires.onReady((wire) => void recover(wire));
  for (const wire of wires.list()) if (wire.redis.isReady()) void recover(wire);

  return {
    publish: publisher.publish,
    subscribe: async (channels) => {
      for (const channel of channels) wanted.add(channel);
      await change(channels, "subscribe");
    },
    unsubscribe: async (channels) => {
      for (const channel of channels) wanted.delete(channel);
      await change(channels, "unsubscribe");
    },
    onMessage: (listener) => void messageListeners.push(listener),
    onRecovered: (listener) => void recoveryListeners.push(listener),
    onHeard: (listener) => void heardListeners.push(listener),
    isReady: () => commands.isReady() && wires.list().every(({ redis }) => redis.isReady()),
    isHearing: () => commands.isReady() && isHearing(),
    subscriptions: () => wanted.size,
    close: () => {
      clearInterval(roomCheck);
      for (const timer of retries.values()) clearTimeout(timer);
      for (const { canary } of canaries.values()) canary.stop();
    },
  };
}

/** The sending half alone, for who has no sockets. */
export function createBusPublisher({
  commands,
  keys,
  window = createWindow({ redis: commands, keys }),
}: Pick<BusOptions, "commands" | "keys"> & { window?: Window }): Pick<Bus, "publish"> {
  return {
    publish: async (messages) => {
      await commands.run("publish to the bus", (client) =>
        Promise.all(
          bundle(messages).map(({ channel, texts }) => {
            window.write(client, channel, texts);
            const name = keys.channel(channel);
            const text = texts.join("\n");
            return commands.shards ? client.sPublish(name, text) : client.publish(name, text);
          }),
        ),
      );
    },
  };
}

interface Bundle {
  channel: string;
  texts: string[];
  length: number;
}

/** Neighbours of one channel in one message: a busy channel costs Redis and each instance one message for many. */
function bundle(messages: BusMessage[]): Bundle[] {
  const bundles: Bundle[] = [];
  for (const { channel, text } of messages) {
    const last = bundles.at(-1);
    if (last?.channel === channel && last.length + text.length < MAX_BUNDLE_LENGTH) {
      last.texts.push(text);
      last.length += text.length + 1;
    } else bundles.push({ channel, texts: [text], length: text.length });
  }
  return bundles;
}
