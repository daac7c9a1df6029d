import type postgres from "postgres";

import type { Actions, Place } from "./consistency_actions.ts";
import type { ModelClient } from "./consistency_client.ts";
import type { Talker } from "./consistency_crowd.ts";
import {
  addVerdict,
  compareSights,
  INNOCENT,
  judgeOwnStream,
  judgePlace,
  type Verdict,
} from "./consistency_judge.ts";
import { compareSends, type Promised, type SendFaults } from "./consistency_log.ts";
import { readMoves, readStored } from "./consistency_truth.ts";
import { until } from "./poll.ts";

/** What goes on between people, and how far it has been looked at. */
export interface Scene {
  sql: postgres.Sql;
  clients: ModelClient[];
  places: Place[];
  actions: Actions;
  talkers: Talker[];
  /** Up to where in each conversation, and in the own stream of each user, all was compared. */
  judged: Map<string, number>;
}

/** What was found about what has happened since the last round. */
export interface Round {
  verdict: Verdict;
  sends: SendFaults;
  /** Where a client, HTTP and the rows do not say the same. */
  differences: string[];
  /** Changes that were told to somebody otherwise than to be. */
  edits: string[];
  /** Events that clients were told. */
  compared: number;
  /** Conversations of clients that were read in three ways. */
  sights: number;
}

/** After the last fault, everything has to be with everybody within this time. */
const SETTLE_LIMIT_MS = 90_000;
/** How often it is compared anew because something has happened meanwhile. */
const MAX_LOOKS = 8;
/** Pages of messages that are read afresh for each client and conversation. */
const PAGES = 2;

/** Waits until everybody knows everything, compares, and forgets what was compared. */
export async function settleRound(scene: Scene): Promise<Round> {
  const { clients, places, actions, talkers, judged } = scene;
  const { differences, found } = await lookAtAll(scene);
  for (const [id, seq] of found.reached) judged.set(id, seq);
  for (const client of clients) client.forget();
  const doubtful = actions.takeDoubtful();
  const promised = [actions, ...talkers].flatMap((each) => each.takePromised());
  const known = new Set(promised.map(({ clientId }) => clientId));
  const { verdict, compared, messages, edits } = found;
  const sends = compareSends(
    promised,
    messages.filter(({ clientId }) => known.has(clientId) || !doubtful.has(clientId)),
  );
  return { verdict, sends, differences, edits, compared, sights: clients.length * places.length };
}

/** Something whose answer was lost may still happen while it is looked at; everybody is to hear of that, too. */
async function lookAtAll(scene: Scene): Promise<{ differences: string[]; found: Found }> {
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const before = await readTops(scene);
    const differences = await settleSights(scene);
    const found = await judgeAll(scene);
    if (Bun.deepEquals(before, await readTops(scene))) return { differences, found };
  }
  throw new Error("Cannot compare: something happens although nobody does anything any more");
}

interface Found {
  verdict: Verdict;
  messages: Promised[];
  edits: string[];
  compared: number;
  /** Up to where it was compared. */
  reached: Map<string, number>;
}

async function judgeAll({ sql, clients, places, judged }: Scene): Promise<Found> {
  const verdict = { ...INNOCENT };
  const messages: Promised[] = [];
  const edits: string[] = [];
  const reached = new Map<string, number>();
  let compared = 0;
  for (const place of places) {
    const { conversationId: id } = place;
    const behind = judged.get(id) ?? 0;
    const stored = await readStored(sql, id, behind);
    const moves = await readMoves(sql, id);
    const judgement = await judgePlace({ sql, clients }, { ...place, behind, moves, stored });
    addVerdict(verdict, judgement.verdict);
    edits.push(...judgement.edits);
    messages.push(...stored.messages);
    reached.set(id, stored.log.seqs.at(-1) ?? behind);
    for (const { logOf } of clients) compared += logOf(`c:${id}`).seqs.length;
  }
  for (const client of clients) {
    const { id } = client.person;
    const behind = judged.get(id) ?? 0;
    addVerdict(verdict, await judgeOwnStream(sql, client, behind));
    reached.set(id, Math.max(behind, client.positionOf("u")));
    compared += client.logOf("u").seqs.length;
  }
  return { verdict, messages, edits, compared, reached };
}

/** Last positions of the conversations, and of the users' own streams, by their ids. */
async function readTops({ sql, places }: Scene): Promise<Map<string, number>> {
  const ids = places.map(({ conversationId }) => conversationId);
  const rows = await sql<{ id: string; seq: number }[]>`
    select id, last_seq::int as seq from app.conversations where id = any(${ids})
    union all select user_id, last_seq::int from app.user_streams`;
  return new Map(rows.map(({ id, seq }) => [id, seq]));
}

/** What is still different after everybody had time to hear of everything. */
async function settleSights(scene: Scene): Promise<string[]> {
  const { sql, clients, places } = scene;
  // It costs little to see who has not heard of all yet, and much to see whether they have understood it.
  const isHeard = async () => {
    const tops = await readTops(scene);
    return clients.every((client) => listMissing(scene, client, tops).length === 0);
  };
  await until("everybody to have heard", isHeard, SETTLE_LIMIT_MS).catch(() => undefined);
  const compareAll = async (client: ModelClient) => {
    const missing = listMissing(scene, client, await readTops(scene));
    const found = await Promise.all(
      places.map(({ conversationId }) =>
        compareSights({ sql, pages: PAGES }, client, conversationId).catch(String),
      ),
    );
    return [...missing, ...found.flatMap((difference) => difference ?? [])];
  };
  const settled = await Promise.all(
    clients.map(async (client) => {
      let differences: string[] = [];
      const isSame = async () => {
        differences = await compareAll(client);
        return differences.length === 0;
      };
      await until("everybody to see the same", isSame, SETTLE_LIMIT_MS).catch(() => undefined);
      return differences;
    }),
  );
  return settled.flat();
}

/** What a client has not heard of yet. */
function listMissing(
  { places, judged }: Scene,
  { person, chat, positionOf }: ModelClient,
  tops: Map<string, number>,
): string[] {
  const { wanted, conversations } = chat.state;
  const behind = places.flatMap(({ conversationId: id }) => {
    const { lastSeq } = conversations[id]?.info ?? {};
    const isBehind = lastSeq !== undefined && lastSeq < (tops.get(id) ?? 0);
    return isBehind ? [`${id} of ${person.id} at ${lastSeq}`] : [];
  });
  const own = Math.max(positionOf("u"), judged.get(person.id) ?? 0);
  if (own < (tops.get(person.id) ?? 0)) behind.push(`own stream of ${person.id} at ${own}`);
  if (wanted.length > 0) behind.push(`${person.id} still wants to read`);
  return behind;
}
