import {
  type Api,
  applyEvent,
  applyUserEvent,
  type ChatEvent,
  type ChatSocket,
  type ChatState,
  type Conversation,
  createApi,
  createSocket,
  createTicketSource,
  emptyChat,
  openWindow,
  pageOf,
  type UserEvent,
  withConversations,
  withMembers,
  withPins,
} from "../../src/client/mod.ts";
import { signUp } from "../support/client.ts";
import type { Cluster, Instance } from "../support/instance.ts";
import { until } from "../support/poll.ts";

/** Somebody with a socket, and all that it has told. */
export interface Player {
  id: string;
  api: Api;
  socket: ChatSocket;
  events: ChatEvent[];
  own: UserEvent[];
}

/** People who act upon conversations through two instances. */
export interface World extends AsyncDisposable {
  players: Player[];
  /** What one of them sees of a conversation at the moment, read over HTTP. */
  snapshot: (player: Player, id: string) => Promise<ChatState>;
  /** Resolves when a player has heard of all that has happened to what they saw `before`. */
  settled: (player: Player, before: ChatState) => Promise<void>;
}

const PATIENCE_MS = 30_000;
const PAGE = 100;

export async function openWorld(cluster: Cluster, names: string[]): Promise<World> {
  const instances = await Promise.all([cluster.start(), cluster.start()]);
  const players: Player[] = [];
  for (const [index, name] of names.entries())
    players.push(await join(instances[index % instances.length] ?? instances[0], name));
  return {
    players,
    snapshot,
    settled: async (player, { conversations }) => {
      for (const { info } of Object.values(conversations)) {
        const now = await find(player, info.id);
        await until(
          `everything up to ${now?.lastSeq ?? "the end"}`,
          () => hasHeard(player, info, now?.lastSeq),
          PATIENCE_MS,
        );
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const { socket } of players) socket.close();
    },
  };
}

async function join({ url }: Instance, name: string): Promise<Player> {
  const { id, token } = await signUp(url, name);
  const api = createApi(url, { token: () => token });
  const socket = createSocket({ url, ticket: createTicketSource(api) });
  const events: ChatEvent[] = [];
  const own: UserEvent[] = [];
  socket.on("event", (event) => events.push(event));
  socket.on("user", (event) => own.push(event));
  await until("the socket to open", () => socket.state === "open", PATIENCE_MS);
  return { id, api, socket, events, own };
}

/** Whoever is in a conversation has heard of its last position, and whoever was taken out of that. */
function hasHeard({ id, events }: Player, info: Conversation, top: number | undefined): boolean {
  const own = events.filter((event) => event.conversationId === info.id);
  if (top !== undefined) return Math.max(info.lastSeq, ...own.map(({ seq }) => seq)) >= top;
  return own.some(
    ({ kind, data }) => kind === "member" && data.op === "remove" && data.userId === id,
  );
}

/** Undefined for who is not in it. */
async function find({ api }: Player, id: string) {
  const { data, error } = await api.v1.conversations({ id }).get();
  if (!data && error.status !== 404) throw new Error(`Cannot read it: ${error.value.code}`);
  return data ?? undefined;
}

/** The position first, then everything else, as an app does it. */
async function snapshot(player: Player, id: string): Promise<ChatState> {
  const info = await find(player, id);
  if (!info) return emptyChat(player.id);
  const { lastSeq: at } = info;
  // The events behind what was read have to come, so what is older than the first of them is read again.
  if (!player.socket.follow(id, at)) return await snapshot(player, id);
  const one = player.api.v1.conversations({ id });
  const messages = await one.messages.get({ query: { limit: PAGE } });
  const members = await one.members.get({ query: { limit: PAGE } });
  const pins = await one.pins.get({ query: { limit: PAGE } });
  if (!messages.data || !members.data || !pins.data)
    throw new Error("Cannot read what is in a conversation");
  const listed = withConversations(emptyChat(player.id), [info]);
  const state = openWindow(listed, id, pageOf(messages.data, at));
  const seqs = pins.data.items.map(({ message }) => message.seq);
  return withPins(withMembers(state, id, { items: members.data.items, at }), id, { seqs, at });
}

/** What a client shows that was there from `before` on and has heard of everything since. */
export function replay(before: ChatState, { events, own }: Player): ChatState {
  return own.reduce(applyUserEvent, events.reduce(applyEvent, before));
}

/** Everything that a snapshot can tell of these conversations, so that two ways to the same state can be compared. */
export function comparable({ conversations }: ChatState, ids: string[]): object {
  const known = Object.entries(conversations).filter(([id]) => ids.includes(id));
  const parts = known.map(([id, { info, window, members, pins }]) => [
    id,
    {
      info,
      // Which reaction came first is not told when it is taken back.
      messages: window?.messages.map(({ reactions = [], ...message }) => ({
        ...message,
        reactions: reactions.toSorted((one, other) => (one.emoji < other.emoji ? -1 : 1)),
      })),
      hasOlder: window?.hasOlder,
      // An event tells no names.
      members: Object.values(members?.byId ?? {})
        .map(({ userId, role }) => `${userId} ${role}`)
        .toSorted(),
      pins: pins?.seqs,
    },
  ]);
  return Object.fromEntries(parts) as object;
}
