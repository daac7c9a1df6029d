import type postgres from "postgres";

import { converse, type Person, signUp } from "./client.ts";
import { type Changes, createChanges } from "./consistency_changes.ts";
import { type ModelClient, openModelClient } from "./consistency_client.ts";
import { type Fault, FAULTS, openFleet } from "./consistency_faults.ts";
import {
  compareLogs,
  compareSends,
  emptyLog,
  type EventLog,
  type LogFaults,
  markOf,
  type Promised,
} from "./consistency_log.ts";
import type { ModelReport } from "./consistency_report.ts";
import { openCluster } from "./instance.ts";
import { until } from "./poll.ts";
import { openTestRedisServer } from "./redis_server.ts";

export interface ModelOptions {
  seed: number;
  /** Messages that are sent in all. */
  events: number;
  /** How often something is broken meanwhile. */
  faults: number;
  print: (line: string) => void;
  /** Nothing more is sent after this time; what was sent by then is checked. */
  budgetMs: number;
}

const INSTANCES = 3;
const PEOPLE = 6;
const CONVERSATIONS = 4;
/** Messages of one client without an answer. */
const WINDOW = 16;
const STEP_MS = 2;
const PROGRESS_MS = 30_000;
/** After the last fault, everything has to be with everybody within this time. */
const SETTLE_LIMIT_MS = 90_000;
const PAGE = 10_000;

/** Writes and reads through three instances while they, Redis and the ways between them are broken, then compares. */
export async function runModel(options: ModelOptions): Promise<ModelReport> {
  const { seed, print } = options;
  const random = createRandom(seed);
  await using cluster = await openCluster();
  await using redis = await openTestRedisServer();
  await using fleet = await openFleet(cluster, redis, INSTANCES);
  const [url = ""] = fleet.urls();
  const people = await Promise.all(Array.from({ length: PEOPLE }, () => signUp(url)));
  const conversationIds = await openConversations(url, people);
  const pickUrl = () => pick(fleet.urls(), random);
  const clients = people.map((person) =>
    openModelClient({ person, conversationIds, pickUrl, random }),
  );
  try {
    const startedAt = performance.now();
    const broken: Fault[] = [];
    const breaking = createBreaking(options, random, async (fault) => {
      print(fault);
      await fleet.harm(fault, random);
      broken.push(fault);
    });
    const owned = conversationIds.map((conversationId, at) => {
      return { conversationId, owner: people[at] as Person };
    });
    const changes = createChanges({ owned, pickUrl });
    const sent = await talk({ options, clients, conversationIds, random, breaking, changes });
    const sendMs = performance.now() - startedAt;
    await Promise.all([breaking.settle(), changes.settle()]);
    const { sql } = cluster.database;
    const found = await judge({ sql, clients, conversationIds, sent, sendMs });
    return { ...found, broken, changed: changes.done, errors: fleet.errors() };
  } finally {
    for (const client of clients) client.close();
  }
}

async function openConversations(url: string, people: Person[]): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < CONVERSATIONS; at += 1) {
    const [owner, ...others] = [...people.slice(at), ...people.slice(0, at)];
    const memberIds = others.map(({ id }) => id);
    const body = { kind: "group", name: `Group ${at}`, memberIds };
    ids.push(await converse(url, owner?.token ?? "", body));
  }
  return ids;
}

interface Breaking {
  /** Called with how many have been sent; breaks what is due. */
  advance: (sent: number) => void;
  settle: () => Promise<void>;
}

/** Every kind comes before any comes again, in an order that the seed decides; one thing is broken at a time. */
function createBreaking(
  { events, faults }: ModelOptions,
  random: () => number,
  harm: (fault: Fault) => Promise<void>,
): Breaking {
  const plan: Fault[] = [];
  while (plan.length < faults) plan.push(...shuffle(FAULTS, random));
  let begun = 0;
  let running = Promise.resolve();
  return {
    advance: (sent) => {
      while (begun < faults && sent >= ((begun + 1) * events) / (faults + 1)) {
        const fault = plan[begun];
        begun += 1;
        if (fault) running = running.then(() => harm(fault));
        // Until somebody waits for it.
        running.catch(() => undefined);
      }
    },
    settle: () => running,
  };
}

interface Talk {
  options: ModelOptions;
  clients: ModelClient[];
  conversationIds: string[];
  random: () => number;
  breaking: Breaking;
  changes: Changes;
}

/** @returns how many were sent, all of which are acknowledged. */
async function talk(input: Talk): Promise<number> {
  const { options, clients, conversationIds, random, breaking, changes } = input;
  const { events, budgetMs, print } = options;
  const startedAt = performance.now();
  let sent = 0;
  let shownAt = startedAt;
  while (sent < events && performance.now() - startedAt < budgetMs) {
    for (const client of clients)
      for (let free = WINDOW - client.pending(); free > 0 && sent < events; free -= 1) {
        client.send(pick(conversationIds, random) ?? "", `message ${sent}`);
        sent += 1;
      }
    changes.advance(sent);
    breaking.advance(sent - clients.reduce((sum, client) => sum + client.pending(), 0));
    if (performance.now() - shownAt > PROGRESS_MS) {
      shownAt = performance.now();
      print(`${sent} sent after ${Math.round((shownAt - startedAt) / 1_000)} s`);
    }
    await Bun.sleep(STEP_MS);
  }
  await until(
    "every message to be acknowledged",
    () => clients.every((client) => client.pending() === 0),
    SETTLE_LIMIT_MS,
  );
  return sent;
}

interface Evidence {
  sql: postgres.Sql;
  clients: ModelClient[];
  conversationIds: string[];
  sent: number;
  sendMs: number;
}

async function judge(
  evidence: Evidence,
): Promise<Omit<ModelReport, "broken" | "changed" | "errors">> {
  const { sql, clients, conversationIds, sent, sendMs } = evidence;
  const logs: LogFaults = { lost: 0, doubled: 0, swapped: 0, foreign: 0 };
  const messages: Promised[] = [];
  let compared = 0;
  for (const id of conversationIds) {
    const stored = await readStored(sql, id, messages);
    const top = stored.seqs.at(-1) ?? 0;
    // Whoever does not get there is told how much is missing.
    await until(
      `everybody to have ${top} events`,
      () => clients.every((client) => client.positionOf(id) >= top),
      SETTLE_LIMIT_MS,
    ).catch(() => undefined);
    for (const client of clients) {
      const log = client.logOf(id);
      compared += log.seqs.length;
      addTo(logs, compareLogs(log, stored));
    }
  }
  const stats = clients.map((client) => client.stats);
  const total = (field: "connects" | "syncs" | "resends" | "liveFaults") =>
    stats.reduce((sum, each) => sum + each[field], 0);
  const promised = clients.flatMap((client) => client.promised);
  return {
    sent,
    sendMs,
    compared,
    connects: total("connects"),
    syncs: total("syncs"),
    resends: total("resends"),
    liveFaults: total("liveFaults"),
    logs,
    sends: compareSends(promised, messages),
    refusals: stats.flatMap(({ refusals }) => refusals),
  };
}

function addTo(sum: LogFaults, more: LogFaults): void {
  for (const kind of ["lost", "doubled", "swapped", "foreign"] as const) sum[kind] += more[kind];
}

interface StoredRow {
  seq: number;
  kind: string;
  id: string | null;
  client_id: string | null;
  body: string | null;
}

/** The conversation as Postgres has it; its messages are added to those of the others. */
async function readStored(
  sql: postgres.Sql,
  conversationId: string,
  messages: Promised[],
): Promise<EventLog> {
  const log = emptyLog();
  for (let after = 0; ;) {
    const rows = await sql<StoredRow[]>`
      select seq::int, 'msg.new' as kind, id::text, client_id::text, body from app.messages
        where conversation_id = ${conversationId} and seq > ${after}
      union all
      select seq::int, kind, null, null, null from app.conversation_events
        where conversation_id = ${conversationId} and seq > ${after}
      order by seq limit ${PAGE}`;
    for (const { seq, kind, id, client_id, body } of rows) {
      log.seqs.push(seq);
      log.marks.push(markOf(kind, id ?? "", body ?? ""));
      if (id !== null && client_id !== null)
        messages.push({ clientId: client_id, messageId: id, seq });
    }
    after = rows.at(-1)?.seq ?? after;
    if (rows.length < PAGE) return log;
  }
}

function pick<T>(items: T[], random: () => number): T | undefined {
  return items[Math.floor(random() * items.length)];
}

function shuffle<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, rank: random() }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}

/** Numbers from 0 up to 1 that are the same for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 1) % Number.MAX_SAFE_INTEGER;
    return Bun.hash.xxHash32(`${seed} ${state}`) / 2 ** 32;
  };
}
