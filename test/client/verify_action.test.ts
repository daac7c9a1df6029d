import { afterAll, beforeAll, expect, test } from "bun:test";

import { array, assert, asyncProperty, constantFrom, nat, record } from "fast-check";

import {
  type ChatEventData,
  type ChatState,
  type MessageAt,
  withConversations,
} from "../../src/client/mod.ts";
import { ChatEvents } from "../../src/features/chat/schema/events.ts";
import { type Cluster, openCluster } from "../support/instance.ts";
import { until } from "../support/poll.ts";
import { comparable, openWorld, type Player, replay, type World } from "./world.ts";

/*
 * What a client makes of a snapshot and the events behind it has to be what a later snapshot says, whatever was done in
 * between and by whom.
 */

const PATIENCE_MS = 10_000;
const SETUP_LIMIT_MS = 120_000;
const RUNS = 15;
const MAX_STEPS = 10;

/** One step of a run: who does what, to which of the things that are there. */
interface Step {
  action: Action;
  actor: number;
  pick: number;
}

interface Scene {
  conversationId: string;
  players: Player[];
  /** Positions of the messages so far, deleted ones too. */
  seqs: number[];
}

interface Act {
  /** The kinds of events that it may lead to; each kind has to come about at least once. */
  leadsTo: (keyof ChatEventData)[];
  /** Does it; refusals are part of the game. */
  run: (scene: Scene, step: Step, actor: Player) => Promise<void>;
}

let cluster: Cluster;
let world: World;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  world = await openWorld(cluster, ["Lan", "Minh", "Hoa"]);
}, SETUP_LIMIT_MS);
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
}, SETUP_LIMIT_MS);

const ACTIONS = {
  open: {
    leadsTo: ["conv"],
    run: async (_, { pick }, { api, id }) => {
      const others = world.players.filter((player) => player.id !== id);
      const memberIds = others.slice(0, pick % 3).map((player) => player.id);
      await api.v1.conversations.post({ kind: "group", name: `Nhóm ${pick}`, memberIds });
    },
  },
  send: {
    leadsTo: ["msg.new"],
    run: async (scene, { pick }, { socket }) => {
      const { conversationId } = scene;
      const sent = await ignore(socket.send({ conversationId, body: `tin ${pick} $VNM` }));
      if (sent) scene.seqs.push(sent.seq);
    },
  },
  post: {
    leadsTo: ["msg.new"],
    run: async (scene, { pick }, { api }) => {
      const { data } = await api.v1
        .conversations({ id: scene.conversationId })
        .messages.post({ clientId: crypto.randomUUID(), body: `thư ${pick}` });
      if (data) scene.seqs.push(data.seq);
    },
  },
  edit: {
    leadsTo: ["msg.edit"],
    run: async (scene, { pick }, { socket }) => {
      const body = pick % 3 === 0 ? `sửa ${pick} $VCB` : `sửa ${pick}`;
      // Of a message that was changed before, this is not the revision any more.
      await ignore(socket.edit({ ...messageOf(scene, pick), body, rev: 0 }));
    },
  },
  delete: {
    leadsTo: ["msg.del"],
    run: async (scene, { pick }, { socket }) => {
      await ignore(socket.delete(messageOf(scene, pick)));
    },
  },
  react: {
    leadsTo: ["react"],
    run: async (scene, { pick }, { socket }) => {
      const emoji = pick % 2 === 0 ? "👍" : "📈";
      await ignore(socket.react({ ...messageOf(scene, pick), emoji, on: pick % 3 !== 0 }));
    },
  },
  pin: {
    leadsTo: ["pin"],
    run: async (scene, { pick }, { socket }) => {
      await ignore(socket.pin({ ...messageOf(scene, pick), on: pick % 3 !== 0 }));
    },
  },
  bringIn: {
    leadsTo: ["member"],
    run: async ({ conversationId: id, players }, { pick }, { api }) => {
      const userId = players[pick % players.length]?.id ?? "";
      await api.v1.conversations({ id }).members({ userId }).put();
    },
  },
  takeOut: {
    leadsTo: ["member"],
    run: async ({ conversationId: id, players }, { pick }, { api }) => {
      const userId = players[pick % players.length]?.id ?? "";
      await api.v1.conversations({ id }).members({ userId }).delete();
    },
  },
  giveRole: {
    leadsTo: ["role"],
    run: async ({ conversationId: id, players }, { pick }, { api }) => {
      const userId = players[pick % players.length]?.id ?? "";
      const role = (["admin", "moderator", "reader", "member"] as const)[pick % 4] ?? "member";
      await api.v1.conversations({ id }).members({ userId }).patch({ role });
    },
  },
  handOver: {
    leadsTo: ["role"],
    run: async ({ conversationId: id, players }, { pick }, { api }) => {
      const userId = players[pick % players.length]?.id ?? "";
      await api.v1.conversations({ id }).owner.post({ userId });
    },
  },
  change: {
    leadsTo: ["conv"],
    run: async ({ conversationId: id }, { pick }, { api }) => {
      const patch = [{ name: `Tên ${pick}` }, { slowModeSeconds: 0, description: `${pick}` }];
      const bits = [{ memberPermissions: pick % 8 }, { history: "all" as const }];
      await api.v1.conversations({ id }).patch([...patch, ...bits][pick % 4] ?? {});
    },
  },
  read: {
    leadsTo: [],
    run: async ({ conversationId: id, seqs }, { pick }, { api }) => {
      const seq = seqs[pick % seqs.length] ?? 1;
      await api.v1.conversations({ id }).read.put({ seq, private: pick % 2 === 0 });
    },
  },
  unread: {
    leadsTo: [],
    run: async ({ conversationId: id, seqs }, { pick }, { api }) => {
      await api.v1.conversations({ id }).unread.post({ seq: seqs[pick % seqs.length] ?? 1 });
    },
  },
  choose: {
    leadsTo: [],
    run: async ({ conversationId: id }, { pick }, { api }) => {
      const muted = pick % 2 === 0 ? "forever" : null;
      const notify = (["all", "mentions", "none"] as const)[pick % 3] ?? "all";
      await api.v1.conversations({ id }).me.patch({ muted, archived: false, notify });
    },
  },
} satisfies Record<string, Act>;
type Action = keyof typeof ACTIONS;

const steps = array(
  record({
    action: constantFrom(...(Object.keys(ACTIONS) as Action[])),
    actor: nat(2),
    pick: nat(30),
  }),
  { minLength: 1, maxLength: MAX_STEPS },
);
const seen = new Set<string>();

test(
  "a snapshot and the events behind it make the snapshot of later, for everybody and for every action",
  async () => {
    await assert(
      asyncProperty(steps, async (list) => {
        const scene = await openScene();
        const before = await look(scene.conversationId);
        for (const step of list) await act(scene, step);
        await expectSame(before, scene.conversationId);
      }),
      // Each try acts upon real instances, so a failure is shown as it is found.
      { numRuns: RUNS, endOnFailure: true },
    );
  },
  SETUP_LIMIT_MS,
);

test(
  "every action alone does what it is for, and every kind of event has an action",
  async () => {
    for (const [index, action] of (Object.keys(ACTIONS) as Action[]).entries()) {
      const scene = await openScene();
      const before = await look(scene.conversationId);
      // The second one of the players is a plain member whom the first one, the owner, can take out.
      await act(scene, { action, actor: 0, pick: action === "open" ? index : 1 });
      await expectSame(before, scene.conversationId);
    }
    for (const { leadsTo } of Object.values(ACTIONS) as Act[])
      for (const kind of leadsTo) expect([...seen]).toContain(kind);
    expect(Object.keys(ChatEvents).filter((kind) => !seen.has(kind))).toEqual([]);
  },
  SETUP_LIMIT_MS,
);

function messageOf({ conversationId, seqs }: Scene, pick: number): MessageAt {
  return { conversationId, seq: seqs[pick % seqs.length] ?? 1 };
}

/** A group of all players, of which all of them have heard. */
async function openScene(): Promise<Scene> {
  const { players } = world;
  const [owner, ...others] = players;
  const opened = await owner?.api.v1.conversations.post({
    kind: "group",
    name: "VN30",
    memberIds: others.map(({ id }) => id),
  });
  const conversationId = opened?.data?.id ?? "";
  const sent = await owner?.socket.send({ conversationId, body: "Chào" });
  return { conversationId, players, seqs: sent ? [sent.seq] : [] };
}

interface View {
  player: Player;
  state: Awaited<ReturnType<World["snapshot"]>>;
}

/** What everybody sees now. */
async function look(id: string): Promise<View[]> {
  return await Promise.all(
    world.players.map(async (player) => {
      player.events.length = 0;
      player.own.length = 0;
      return { player, state: await world.snapshot(player, id) };
    }),
  );
}

async function act(scene: Scene, step: Step): Promise<void> {
  const actor = world.players[step.actor];
  if (actor) await (ACTIONS[step.action] as Act).run(scene, step, actor);
}

async function expectSame(before: View[], id: string): Promise<void> {
  for (const { player, state } of before) {
    await world.settled(player, state);
    for (const { kind } of player.events) seen.add(kind);
    const now = await world.snapshot(player, id);
    const compare = () => comparisonOf(player, { before: state, now });
    // What the user's own stream tells comes on its own way.
    await until("the user's own events", () => Bun.deepEquals(...compare()), PATIENCE_MS).catch(
      () => undefined,
    );
    const [ours, theirs] = compare();
    expect(ours).toEqual(theirs);
  }
}

/** What the client makes of it, and what the server says. */
function comparisonOf(
  player: Player,
  { before, now }: { before: ChatState; now: ChatState },
): [ours: object, theirs: object] {
  const replayed = replay(before, player);
  // What cannot be told from events is read anew; whoever was brought back in reads the whole conversation.
  const there = replayed.wanted.filter((id) => replayed.conversations[id]);
  const infos = there.flatMap((id) => now.conversations[id]?.info ?? []);
  const ids = Object.keys(before.conversations).filter(
    (id) => replayed.conversations[id] || !replayed.wanted.includes(id),
  );
  return [comparable(withConversations(replayed, infos), ids), comparable(now, ids)];
}

async function ignore<Result>(work: Promise<Result>): Promise<Result | undefined> {
  return await work.catch(() => undefined);
}
