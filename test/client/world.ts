import {
  type Api,
  applyEvent,
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
  /** What one of them sees at the moment, read over HTTP. */
  snapshot: (player: Player) => Promise<ChatState>;
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
      const tops = new Map((await list(player)).map(({ id, lastSeq }) => [id, lastSeq]));
      for (const { info } of Object.values(conversations))
        await until(
          `everything up to ${tops.get(info.id) ?? "the end"}`,
          () => hasHeard(player, info, tops.get(info.id)),
          PATIENCE_MS,
        );
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

async function list({ api }: Player) {
  const { data } = await api.v1.conversations.get({ query: { limit: PAGE } });
  if (!data) throw new Error("Cannot list the conversations");
  return data.items;
}

/** Positions first, then everything else, as an app does it. */
async function snapshot(player: Player): Promise<ChatState> {
  const items = await list(player);
  const isFollowed = items.map(({ id, lastSeq }) => player.socket.follow(id, lastSeq));
  // The events behind what was read have to come, so what is older than the first of them is read again.
  if (isFollowed.includes(false)) return await snapshot(player);
  let state = withConversations(emptyChat(player.id), items);
  for (const { id, lastSeq } of items) {
    const messages = await player.api.v1
      .conversations({ id })
      .messages.get({ query: { limit: PAGE } });
    if (!messages.data) throw new Error("Cannot read the messages");
    state = openWindow(state, id, pageOf(messages.data, lastSeq));
  }
  return state;
}

/** What a client shows that was there from `before` on and has heard of everything since. */
export function replay(before: ChatState, events: ChatEvent[]): ChatState {
  return events.reduce(applyEvent, before);
}

/** Everything that a snapshot can tell of these conversations, so that two ways to the same state can be compared. */
export function comparable({ conversations }: ChatState, ids: string[]): object {
  const known = Object.entries(conversations).filter(([id]) => ids.includes(id));
  const parts = known.map(([id, { info, window, members, pins }]) => [
    id,
    {
      info,
      messages: window?.messages,
      hasOlder: window?.hasOlder,
      members: members?.byId,
      pins: pins?.seqs,
    },
  ]);
  return Object.fromEntries(parts) as object;
}
