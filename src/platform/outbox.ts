import { asc, inArray, lt, sql } from "drizzle-orm";

import type { Database, Transaction } from "./database.ts";
import type { Log } from "./log.ts";
import type { Bus, BusMessage } from "./realtime/bus.ts";
import { type ChannelEvent, type ChannelSource, encodeEvent } from "./realtime/source.ts";
import { busOutbox } from "./tables.ts";
import { pause } from "./time.ts";

/** Something that is committed and must be told; `outboxId` is the row that keeps it, perhaps with others, until then. */
export interface Publication extends BusMessage {
  outboxId: string;
}

export interface Outbox {
  /**
   * Tells what has just been committed, on this node at once and on the others through the bus, after the present turn
   * of the event loop: an answer that is sent in this turn precedes the event. Never throws; the relay repairs.
   */
  publish(publications: Publication[]): void;
  /** Publishes what an instance committed and did not live to publish, until the signal ends it. */
  relay(signal: AbortSignal): Promise<void>;
  /** Resolves when nothing published here waits for its row to be deleted. */
  settle(): Promise<void>;
}

export interface OutboxOptions {
  db: Database;
  bus: Bus;
  source: ChannelSource;
  /** Hands a message to this node's own hub, so that its sockets do not depend on Redis. */
  deliver: (message: BusMessage) => void;
  log: Log;
}

/** Rows older than this were not published by the instance that wrote them. */
const RELAY_AGE = sql`interval '1 second'`;
const RELAY_INTERVAL_MS = 1_000;
const RELAY_BATCH = 500;
const SWEEP_INTERVAL_MS = 250;
/** Beyond this, rows are left to the relay: a database that is away must not fill our memory. */
const MAX_UNSWEPT = 50_000;

export function createOutbox(options: OutboxOptions): Outbox {
  const { db, bus, log } = options;
  let batch: Publication[] = [];
  const swept = new Set<string>();
  let sweeping: Promise<void> | undefined;

  async function flush(): Promise<void> {
    const messages = batch;
    batch = [];
    const published = bus.publish(messages);
    // What the other instances get is written before our own sockets take up the turn, so that all serve at once. Nothing
    // here waits for Redis.
    setImmediate(() => {
      for (const message of messages) options.deliver(message);
    });
    try {
      await published;
    } catch {
      // The rows stay, and the relay publishes them when Redis is back.
      return;
    }
    for (const { outboxId } of messages) if (swept.size < MAX_UNSWEPT) swept.add(outboxId);
    sweeping ??= sweep();
  }
  async function sweep(): Promise<void> {
    await Bun.sleep(SWEEP_INTERVAL_MS);
    const ids = [...swept];
    swept.clear();
    sweeping = undefined;
    try {
      await db.run({ role: "system" }, (tx) =>
        tx.delete(busOutbox).where(inArray(busOutbox.id, ids)),
      );
    } catch (error) {
      log.warn("cannot delete published outbox rows", { error, rows: ids.length });
    }
  }

  return {
    publish: (publications) => {
      if (batch.length === 0) setImmediate(() => void flush());
      batch.push(...publications);
    },
    relay: async (signal) => {
      while (!signal.aborted) {
        const full = await relayOnce(options).catch((error: unknown) => {
          log.warn("cannot relay the outbox", { error });
          return false;
        });
        if (!full) await pause(RELAY_INTERVAL_MS, signal);
      }
    },
    settle: async () => {
      while (batch.length > 0 || sweeping) await (sweeping ?? Bun.sleep(1));
    },
  };
}

/** Publishes one batch; true when there may be more. */
async function relayOnce({ db, bus, source, deliver, log }: OutboxOptions): Promise<boolean> {
  if (!bus.isReady()) return false;
  return await db.run({ role: "system" }, async (tx) => {
    const rows = await claim(tx);
    if (rows.length === 0) return false;
    const messages: BusMessage[] = [];
    for (const row of rows) {
      const texts = row.payload === null ? await eventTexts(source, row) : [row.payload];
      messages.push(...texts.map((text) => ({ channel: row.channel, text })));
    }
    for (const message of messages) deliver(message);
    await bus.publish(messages);
    const ids = rows.map((row) => row.id);
    await tx.delete(busOutbox).where(inArray(busOutbox.id, ids));
    log.info("relayed what another instance left", { rows: rows.length });
    return rows.length === RELAY_BATCH;
  });
}

/** Other relays pass over the rows that this one holds. */
async function claim(tx: Transaction): Promise<(typeof busOutbox.$inferSelect)[]> {
  return await tx
    .select()
    .from(busOutbox)
    .where(lt(busOutbox.createdAt, sql`now() - ${RELAY_AGE}`))
    .orderBy(asc(busOutbox.createdAt))
    .limit(RELAY_BATCH)
    .for("update", { skipLocked: true });
}

async function eventTexts(
  source: ChannelSource,
  { channel, seq, events }: { channel: string; seq: number | null; events: number },
): Promise<string[]> {
  if (seq === null) return [];
  const found = await source.listEvents(channel, { after: seq - 1, limit: events });
  return found.filter((event) => event.seq < seq + events).map(encodeEvent);
}

/** The publication of an event whose outbox row is already written. */
export function eventPublication(
  outboxId: string,
  channel: string,
  event: ChannelEvent,
): Publication {
  return { outboxId, channel, text: encodeEvent(event) };
}
