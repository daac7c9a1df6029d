import { ClientError, type ClientErrorCode, type Message } from "../../src/client/mod.ts";
import type { ModelClient } from "./consistency_client.ts";
import { bodyOfRevision, firstBodyOf } from "./consistency_events.ts";
import type { Promised } from "./consistency_log.ts";

/** A conversation and who of the clients is what in it. */
export interface Place {
  conversationId: string;
  /** What those who come in see. */
  history: "all" | "joined";
  owner: ModelClient;
  /** Is taken out, brought back and given other roles; everybody else stays. */
  mover: ModelClient;
}

/** What people do, and what they were answered. */
export interface Actions {
  /** Lets clients do something, as far as they have room, and no more than this many things. */
  advance: (most: number) => void;
  /** How many things were begun in all. */
  readonly begun: number;
  /** Answers that were promised to a sender since they were asked for last. */
  takePromised: () => Promised[];
  /** Client ids of messages that may or may not be stored, because they were refused after a connection was lost. */
  takeDoubtful: () => Set<string>;
  readonly pending: number;
  /** How often each action was answered as done. */
  done: Record<Action, number>;
  /** Refusals that nobody can have deserved. */
  refusals: string[];
}

export interface ActionsOptions {
  clients: ModelClient[];
  places: Place[];
  random: () => number;
}

/** How many of a thousand actions are of each kind. */
const SHARES = {
  send: 560,
  edit: 130,
  react: 140,
  delete: 40,
  pin: 20,
  read: 100,
  settings: 8,
  move: 20,
  role: 8,
} as const;
export type Action = keyof typeof SHARES;
/** Of one client without an answer. */
const WINDOW = 16;
const PATIENCE_MS = 300_000;
/** Most of what people do is about one of the last messages. */
const LAST = 30;
const EMOJI = ["👍", "📈", "🎉"] as const;
const MAX_REFUSALS = 100;

/** Somebody else was faster, or the network lost the answer. */
const FATE: ClientErrorCode[] = ["edit_conflict", "message_gone", "unreachable", "too_many_pins"];
/** What is said to who has just been taken out, or may only read. */
const TO_MOVERS: ClientErrorCode[] = ["not_found", "forbidden"];

export function createActions({ clients, places, random }: ActionsOptions): Actions {
  const pending = new Map<ModelClient, number>();
  const done = Object.fromEntries(Object.keys(SHARES).map((each) => [each, 0]));
  const refusals: string[] = [];
  let begun = 0;
  let promised: Promised[] = [];
  let doubtful = new Set<string>();

  async function act(client: ModelClient, action: Action, place: Place): Promise<void> {
    const connects = client.witness.connects;
    const clientId = crypto.randomUUID();
    try {
      await perform({ client, place, action, clientId });
      done[action] = (done[action] ?? 0) + 1;
    } catch (error) {
      const code = error instanceof ClientError ? error.code : undefined;
      const isFate = code !== undefined && FATE.includes(code);
      const isMover = code !== undefined && client === place.mover && TO_MOVERS.includes(code);
      if (!isFate && !isMover && refusals.length < MAX_REFUSALS)
        refusals.push(`${action}: ${error instanceof Error ? error.message : String(error)}`);
      if (client.witness.connects !== connects) doubtful.add(clientId);
    }
  }
  async function perform(input: Deed): Promise<void> {
    const { client, place, action, clientId } = input;
    const { conversationId } = place;
    const { socket } = client;
    const timeoutMs = PATIENCE_MS;
    const target = pickMessage(client, place, action);
    if (action === "send") {
      const message = { conversationId, body: firstBodyOf(clientId), clientId, timeoutMs };
      const { id, seq } = await socket.send(message);
      promised.push({ clientId, messageId: id, seq });
    } else if (action === "read")
      socket.read({ conversationId, seq: client.positionOf(`c:${conversationId}`) });
    else if (action === "settings" || action === "move" || action === "role")
      await manage(input, random);
    else if (target) await touch(input, target);
  }
  async function touch({ client, place, action }: Deed, target: Message): Promise<void> {
    const { socket } = client;
    const { seq, rev = 0, reactions = [] } = target;
    const at = { conversationId: place.conversationId, seq, timeoutMs: PATIENCE_MS };
    if (action === "edit")
      return await socket.edit({ ...at, rev, body: bodyOfRevision(seq, rev + 1) });
    if (action === "delete") return await socket.delete(at);
    if (action === "pin") return await socket.pin({ ...at, on: random() < 0.7 });
    const mine = reactions.find((reaction) => reaction.mine);
    const isTaking = mine !== undefined && random() < 0.5;
    const emoji = (isTaking ? mine.emoji : pick(EMOJI, random)) ?? "👍";
    await socket.react({ ...at, emoji, on: !isTaking });
  }
  /** One's own for what only its author may do; mostly one of the last. */
  function pickMessage(client: ModelClient, place: Place, action: Action): Message | undefined {
    const conversation = client.chat.state.conversations[place.conversationId];
    const all = conversation?.window?.messages ?? [];
    const pinned = conversation?.pins?.seqs ?? [];
    const isOwn = action === "edit" || action === "delete";
    const { id } = client.person;
    const fit = all.filter(({ senderId, deletedAt }) => {
      return deletedAt === undefined && (!isOwn || senderId === id);
    });
    // What something was done to already, so that one deed meets another.
    const touched = fit.filter(({ seq, rev, reactions }) => {
      return rev !== undefined || reactions !== undefined || pinned.includes(seq);
    });
    const some = touched.length > 0 && random() < 0.6 ? touched : fit;
    return pick(random() < 0.9 ? some.slice(-LAST) : some, random);
  }
  function begin(client: ModelClient): void {
    const action = pickAction(random);
    const place = pick(places, random);
    if (!place) return;
    const isOwners = action === "settings" || action === "move" || action === "role";
    const actor = isOwners || action === "pin" ? place.owner : client;
    if (place.mover === actor && !actor.chat.state.conversations[place.conversationId]) return;
    begun += 1;
    pending.set(actor, (pending.get(actor) ?? 0) + 1);
    void act(actor, action, place).finally(() => pending.set(actor, (pending.get(actor) ?? 0) - 1));
  }
  return {
    advance: (most) => {
      for (let left = most; left > 0; left -= 1) {
        const client = pick(clients, random);
        if (client && (pending.get(client) ?? 0) < WINDOW) begin(client);
      }
    },
    get begun() {
      return begun;
    },
    takePromised: () => {
      const taken = promised;
      promised = [];
      return taken;
    },
    takeDoubtful: () => {
      const taken = doubtful;
      doubtful = new Set();
      return taken;
    },
    get pending() {
      return [...pending.values()].reduce((sum, each) => sum + each, 0);
    },
    done: done as Record<Action, number>,
    refusals,
  };
}

interface Deed {
  client: ModelClient;
  place: Place;
  action: Action;
  clientId: string;
}

/** What owners do, over HTTP. */
async function manage({ client, place, action, clientId }: Deed, random: () => number) {
  const { conversationId, mover } = place;
  const one = client.api.v1.conversations({ id: conversationId });
  const member = one.members({ userId: mover.person.id });
  const isIn = client.chat.state.conversations[conversationId]?.members?.byId[mover.person.id];
  const answer =
    action === "settings"
      ? await one.patch({ description: clientId })
      : action === "role"
        ? await member.patch({ role: pick(["moderator", "member"] as const, random) ?? "member" })
        : isIn
          ? await member.delete()
          : await member.put();
  const { error } = answer as { error: { value: { code: ClientErrorCode } } | null };
  // Somebody who is out has no role.
  if (error && error.value.code !== "not_found")
    throw new ClientError(error.value.code, `Cannot manage: ${error.value.code}`);
}

function pickAction(random: () => number): Action {
  let left = random() * Object.values(SHARES).reduce((sum, each) => sum + each, 0);
  for (const [action, share] of Object.entries(SHARES)) {
    left -= share;
    if (left < 0) return action as Action;
  }
  return "send";
}

function pick<T>(items: readonly T[], random: () => number): T | undefined {
  return items[Math.floor(random() * items.length)];
}
