import type postgres from "postgres";

import type { Place } from "./consistency_actions.ts";
import type { ModelClient } from "./consistency_client.ts";
import { compareLogs, type EventLog, type LogFaults } from "./consistency_log.ts";
import { differenceOf, readFresh, sightOf } from "./consistency_sight.ts";
import {
  type Move,
  readLiving,
  readOwnStream,
  readRows,
  type Stored,
} from "./consistency_truth.ts";
import type { Gap, Testimony, ToldEdit } from "./consistency_witness.ts";

/** Which positions of a conversation somebody may be told of, and which of them unasked. */
export interface Sights {
  readable: (seq: number) => boolean;
  /** They were there when it happened. */
  present: (seq: number) => boolean;
  /** The first position that they may see, as it was when that happened. */
  floorOf: (seq: number) => number;
  /** Positions at which they themselves came or went. */
  moves: number[];
}

/** @param history whether those who come in see what was before. */
export function sightsOf(userId: string, moves: Move[], history: "all" | "joined"): Sights {
  const own = moves.filter((move) => move.userId === userId);
  const ranges: Gap[] = [{ from: 0, to: Number.POSITIVE_INFINITY }];
  for (const { seq, op } of own) {
    if (op === "add") ranges.push({ from: seq, to: Number.POSITIVE_INFINITY });
    else ranges.push({ from: ranges.pop()?.from ?? seq, to: seq });
  }
  const present = (seq: number) => ranges.some(({ from, to }) => seq >= from && seq <= to);
  const last = ranges.at(-1)?.to ?? 0;
  return {
    present,
    readable: history === "all" ? (seq) => seq <= last : present,
    floorOf: (seq) =>
      history === "all" ? 0 : (ranges.findLast(({ from }) => from <= seq)?.from ?? 0),
    moves: own.map(({ seq }) => seq),
  };
}

export interface Delivered {
  log: EventLog;
  testimony: Testimony;
  /** Positions up to which the client has given up on single events and read anew. */
  resets: number[];
  /** Everything up to here was looked at before. */
  behind: number;
}

export interface Verdict extends LogFaults {
  /** Told to somebody who may not know of it. */
  unseemly: number;
  /** What sockets left out, unasked or in one answer. */
  gaps: number;
}

export const INNOCENT: Verdict = {
  lost: 0,
  doubled: 0,
  swapped: 0,
  foreign: 0,
  unseemly: 0,
  gaps: 0,
};

/** Compares what a client was told of a channel, and what it made of it, with what has happened there. */
export function judgeChannel(delivered: Delivered, stored: EventLog, sights: Sights): Verdict {
  const { log, testimony, resets, behind } = delivered;
  const seen = new Set(log.seqs);
  const top = stored.seqs.at(-1) ?? behind;
  // Who comes back reads anew, and goes on from there.
  const isExcused = ({ from, to }: Gap) => sights.moves.some((seq) => seq >= from && seq <= to);
  const skipped = gapsOf(log.seqs, behind, top).filter(
    (gap) => isExcused(gap) || resets.some((seq) => seq >= gap.from),
  );
  const isSkipped = (seq: number) => skipped.some(({ from, to }) => seq >= from && seq <= to);
  const isWanted = (seq: number) =>
    seen.has(seq) ? sights.readable(seq) : sights.present(seq) && !isSkipped(seq);
  const wanted = stored.seqs.flatMap((seq, at) => (isWanted(seq) ? [at] : []));
  // Who comes back into a conversation whose history they may read gets what they have missed, however old.
  const isNew = (_: unknown, at: number) => (log.seqs[at] ?? 0) > behind;
  const compared = compareLogs(
    { seqs: log.seqs.filter(isNew), marks: log.marks.filter(isNew) },
    {
      seqs: wanted.map((at) => stored.seqs[at] ?? 0),
      marks: wanted.map((at) => stored.marks[at] ?? 0),
    },
  );
  const marks = new Map(stored.seqs.map((seq, at) => [seq, stored.marks[at]]));
  const told = [...testimony.told];
  const foreign = told.filter(([seq, mark]) => seq > behind && marks.get(seq) !== mark);
  const unseemly = told.filter(([seq]) => {
    return !sights.readable(seq) || (testimony.live.has(seq) && !sights.present(seq));
  });
  const isHole = ({ from, to }: Gap) =>
    stored.seqs.some((seq) => seq >= from && seq <= to && sights.present(seq));
  const gaps = testimony.liveGaps.filter((gap) => !isExcused(gap) && isHole(gap));
  return {
    ...compared,
    foreign: compared.foreign + foreign.length,
    unseemly: unseemly.length,
    gaps: gaps.length + testimony.pageGaps.length,
  };
}

/**
 * What is wrong about changes as they were told: they say nothing to who may not see the message, and something to
 * whoever may, unless it was deleted since.
 * @param living positions of messages that were not deleted.
 */
export function judgeEdits(edits: ToldEdit[], sights: Sights, living: Set<number>): string[] {
  return edits.flatMap(({ seq, about, isBlank }) => {
    const isVisible = about >= sights.floorOf(seq);
    if (!isVisible && !isBlank) return `${seq} says what ${about} says, which may not be seen`;
    const isWithheld = isVisible && isBlank && living.has(about);
    return isWithheld ? `${seq} does not say what ${about} says, which may be seen` : [];
  });
}

/** What was left out between positions, before the first and behind the last. */
function gapsOf(seqs: number[], behind: number, top: number): Gap[] {
  const gaps: Gap[] = [];
  let last = behind;
  for (const seq of [...seqs, top + 1]) {
    if (seq > last + 1) gaps.push({ from: last + 1, to: seq - 1 });
    last = Math.max(last, seq);
  }
  return gaps;
}

export function addVerdict(sum: Verdict, more: Verdict): void {
  for (const kind of Object.keys(sum) as (keyof Verdict)[]) sum[kind] += more[kind];
}

export interface Case {
  sql: postgres.Sql;
  clients: ModelClient[];
  /** Pages of messages that are read afresh. */
  pages: number;
}

/** Judges what all clients were told of one conversation; `edits` are changes that were told wrongly. */
export async function judgePlace(
  { sql, clients }: Pick<Case, "sql" | "clients">,
  place: Place & { behind: number; moves: Move[]; stored: Stored },
): Promise<{ verdict: Verdict; edits: string[] }> {
  const { conversationId: id, behind, moves, stored, history } = place;
  const channel = `c:${id}`;
  const sum = { ...INNOCENT };
  const edits: string[] = [];
  for (const { logOf, resetsOf, witness, person } of clients) {
    const testimony = witness.of(channel);
    const delivered = { log: logOf(channel), resets: resetsOf(channel), testimony, behind };
    const sights = sightsOf(person.id, moves, history);
    addVerdict(sum, judgeChannel(delivered, stored.log, sights));
    const blanks = testimony.edits.filter(({ isBlank }) => isBlank).map(({ about }) => about);
    const living = new Set(await readLiving(sql, id, blanks));
    const wrong = judgeEdits(testimony.edits, sights, living);
    edits.push(...wrong.map((each) => `${channel} to ${person.id}: ${each}`));
  }
  sum.foreign += stored.wrongBodies.length;
  return { verdict: sum, edits };
}

/** Judges what a client was told of its own stream. */
export async function judgeOwnStream(
  sql: postgres.Sql,
  client: ModelClient,
  behind: number,
): Promise<Verdict> {
  const stored = await readOwnStream(sql, client.person.id, behind);
  const delivered = {
    log: client.logOf("u"),
    resets: client.resetsOf("u"),
    testimony: client.witness.of("u"),
    behind,
  };
  const all = () => true;
  return judgeChannel(delivered, stored, {
    readable: all,
    present: all,
    floorOf: () => 0,
    moves: [],
  });
}

/** Where a client's own state, a fresh reading and the rows differ; undefined where all three are the same. */
export async function compareSights(
  { sql, pages }: Omit<Case, "clients">,
  client: ModelClient,
  id: string,
): Promise<string | undefined> {
  const own = sightOf(client.chat.state, id);
  const fresh = await readFresh(client.api, id, pages);
  const limit = Math.max(own?.messages.length ?? 0, fresh?.messages.length ?? 0);
  const rows = await readRows(sql, { conversationId: id, userId: client.person.id, limit });
  const differences = {
    "client and HTTP": differenceOf(own, fresh),
    "client and rows": differenceOf(own, rows),
    "HTTP and rows": differenceOf(fresh, rows),
  };
  const [found] = Object.entries(differences).filter(([, difference]) => difference !== undefined);
  return found && `${id} for ${client.person.id}, ${found.join(": ")}`;
}
