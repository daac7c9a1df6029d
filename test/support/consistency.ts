import { call, converse, type Person, signUp } from "./client.ts";
import { createActions } from "./consistency_actions.ts";
import { createTokens, type ModelClient, openModelClient } from "./consistency_client.ts";
import { openTalker } from "./consistency_crowd.ts";
import { type Fault, FAULTS, type Fleet, openFleet } from "./consistency_faults.ts";
import { addVerdict, INNOCENT } from "./consistency_judge.ts";
import { compareReport, type ModelReport } from "./consistency_report.ts";
import { type Scene, settleRound } from "./consistency_round.ts";
import { readOwnTops } from "./consistency_truth.ts";
import { openCluster } from "./instance.ts";
import { until } from "./poll.ts";
import { openTestRedisServer } from "./redis_server.ts";

export interface ModelOptions {
  seed: number;
  /** Events that happen in all. */
  events: number;
  /** After so many everybody is looked at, and what they were told is forgotten. */
  eventsPerRound: number;
  /** How often something is broken meanwhile. */
  faults: number;
  print: (line: string) => void;
  /** Nothing more happens after this time; what has happened by then is checked. */
  budgetMs: number;
}

const INSTANCES = 3;
const PEOPLE = 4;
/** People beside them who only talk. */
const TALKERS = 2;
/** What they say for each thing that anybody else does: it costs little, and much has to happen. */
const TALK_RATIO = 8;
const CONVERSATIONS = 4;
/** How far each side may be ahead of the other. */
const AHEAD = 32;
const STEP_MS = 2;
const PROGRESS_MS = 15_000;
const OPEN_LIMIT_MS = 60_000;
/** After the last fault, everything has to be with everybody within this time. */
const SETTLE_LIMIT_MS = 90_000;
/** Plain members may send, react and pin. */
const MEMBER_PERMISSIONS = 23;

/** Lets people talk through three instances while they, Redis and the ways between them are broken, and compares. */
export async function runModel(options: ModelOptions): Promise<ModelReport> {
  const random = createRandom(options.seed);
  await using cluster = await openCluster();
  await using redis = await openTestRedisServer();
  await using fleet = await openFleet(cluster, redis, INSTANCES);
  const [url = ""] = fleet.urls();
  const people = await Promise.all(Array.from({ length: PEOPLE + TALKERS }, () => signUp(url)));
  const conversationIds = await openConversations(url, people);
  const pickUrl = () => pick(fleet.urls(), random);
  const clients = await Promise.all(
    people
      .slice(0, PEOPLE)
      .map((person) => openModelClient({ person, conversationIds, pickUrl, random })),
  );
  const talkers = people.slice(PEOPLE).map((person) => {
    const somewhere = () => pickUrl() ?? url;
    const token = createTokens(person, somewhere);
    return openTalker({ conversationIds, pickUrl: somewhere, token, random });
  });
  try {
    const places = conversationIds.map((conversationId, at) => ({
      conversationId,
      history: at % 2 === 0 ? ("joined" as const) : ("all" as const),
      owner: clients[at] as ModelClient,
      mover: clients[(at + 1) % PEOPLE] as ModelClient,
    }));
    const isOpen = () => clients.every(({ socket }) => socket.state === "open");
    await until("everybody to be there", isOpen, OPEN_LIMIT_MS);
    const actions = createActions({ clients, places, random });
    const judged = new Map<string, number>();
    for (const { conversationId: id, owner } of places)
      judged.set(id, owner.chat.state.conversations[id]?.info.lastSeq ?? 0);
    const { sql } = cluster.database;
    for (const { userId, seq } of await readOwnTops(sql)) judged.set(userId, seq);
    return await talk({ options, fleet, random, sql, clients, places, actions, talkers, judged });
  } finally {
    for (const each of [...clients, ...talkers]) each.close();
  }
}

async function openConversations(url: string, people: Person[]): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < CONVERSATIONS; at += 1) {
    const [owner, ...others] = [...people.slice(at), ...people.slice(0, at)];
    const token = owner?.token ?? "";
    const memberIds = others.map(({ id }) => id);
    const id = await converse(url, token, { kind: "group", name: `Group ${at}`, memberIds });
    const history = at % 2 === 0 ? "joined" : "all";
    const body = { history, memberPermissions: MEMBER_PERMISSIONS };
    await call("PATCH", `${url}/v1/conversations/${id}`, { token, body });
    ids.push(id);
  }
  return ids;
}

interface Breaking {
  /** Called with how much has happened; breaks what is due. */
  advance: (happened: number) => void;
  settle: () => Promise<void>;
  broken: Fault[];
}

/** Every kind comes before any comes again, in an order that the seed decides; one thing is broken at a time. */
function createBreaking(
  { events, faults, print }: ModelOptions,
  random: () => number,
  fleet: Fleet,
): Breaking {
  const plan: Fault[] = [];
  const broken: Fault[] = [];
  while (plan.length < faults) plan.push(...shuffle(FAULTS, random));
  let begun = 0;
  let running = Promise.resolve();
  const harm = async (fault: Fault) => {
    print(fault);
    await fleet.harm(fault, random);
    broken.push(fault);
  };
  return {
    advance: (happened) => {
      while (begun < faults && happened >= ((begun + 1) * events) / (faults + 1)) {
        const fault = plan[begun];
        begun += 1;
        if (fault) running = running.then(() => harm(fault));
        // Until somebody waits for it.
        running.catch(() => undefined);
      }
    },
    settle: () => running,
    broken,
  };
}

interface Talk extends Scene {
  options: ModelOptions;
  fleet: Fleet;
  random: () => number;
}

async function talk(input: Talk): Promise<ModelReport> {
  const { options, fleet, random, clients, actions, talkers } = input;
  const { events, eventsPerRound, print } = options;
  const startedAt = performance.now();
  const before = happenedIn(input);
  const breaking = createBreaking(options, random, fleet);
  const report = createReport();
  const show = createProgress(print, startedAt);
  const isLate = () => performance.now() - startedAt > options.budgetMs;
  while (report.events < events && !isLate()) {
    const goal = Math.min(events, (report.rounds + 1) * eventsPerRound);
    while (happenedIn(input) - before < goal && !isLate()) {
      const happened = happenedIn(input) - before;
      const talked = talkers.reduce((sum, { sent }) => sum + sent, 0);
      actions.advance(AHEAD + talked / TALK_RATIO - actions.begun);
      for (const { sent, advance } of talkers)
        advance(AHEAD + (actions.begun * TALK_RATIO) / TALKERS - sent);
      breaking.advance(happened);
      show(happened, report, breaking.broken.length);
      await Bun.sleep(STEP_MS);
    }
    await breaking.settle();
    const isAnswered = () => [actions, ...talkers].every(({ pending }) => pending === 0);
    await until("every answer", isAnswered, SETTLE_LIMIT_MS);
    const round = await settleRound(input);
    addVerdict(report.verdict, round.verdict);
    for (const fault of Object.keys(round.sends) as (keyof typeof round.sends)[])
      report.sends[fault] += round.sends[fault];
    report.differences.push(...round.differences);
    report.compared += round.compared;
    report.sights += round.sights;
    report.rounds += 1;
    report.events = happenedIn(input) - before;
    report.faults = [...clients.flatMap(({ witness }) => witness.faults), ...round.edits];
    report.refusals = [actions, ...talkers].flatMap(({ refusals }) => refusals);
    report.errors = fleet.errors();
    // What comes after it would only hide it.
    if (compareReport(report).length > 0) break;
  }
  const total = (field: "connects" | "syncs") =>
    clients.reduce((sum, { witness }) => sum + witness[field], 0);
  const { broken } = breaking;
  const done = { ...actions.done };
  const talkMs = performance.now() - startedAt;
  return { ...report, broken, done, talkMs, connects: total("connects"), syncs: total("syncs") };
}

function createReport(): ModelReport {
  return {
    events: 0,
    rounds: 0,
    done: {},
    broken: [],
    compared: 0,
    sights: 0,
    connects: 0,
    syncs: 0,
    verdict: { ...INNOCENT },
    sends: { broken: 0, repeated: 0, unknown: 0 },
    differences: [],
    faults: [],
    refusals: [],
    errors: [],
    talkMs: 0,
  };
}

/** How far all conversations are, as far as anybody has heard. */
function happenedIn({ clients, places }: Scene): number {
  return places.reduce((sum, { conversationId }) => {
    const tops = clients.map((client) => client.positionOf(`c:${conversationId}`));
    return sum + Math.max(...tops);
  }, 0);
}

function createProgress(
  print: (line: string) => void,
  startedAt: number,
): (happened: number, report: ModelReport, faults: number) => void {
  let shownAt = startedAt;
  let shown = 0;
  return (happened, { rounds }, faults) => {
    const now = performance.now();
    if (now - shownAt < PROGRESS_MS) return;
    const rate = Math.round(((happened - shown) * 1_000) / (now - shownAt));
    const megabytes = Math.round(process.memoryUsage.rss() / 1_048_576);
    print(
      `${happened} events after ${Math.round((now - startedAt) / 1_000)} s, ${rate} a second; ` +
        `${rounds} rounds without a difference, ${faults} faults, ${megabytes} MB`,
    );
    shownAt = now;
    shown = happened;
  };
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
