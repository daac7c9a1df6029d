import {
  type Api,
  type Chat,
  type ChatSocket,
  type ChatState,
  createApi,
  createSocket,
  emptyChat,
  openChat,
  openWindow,
  pageOf,
  withConversations,
  withMembers,
  withPins,
} from "../../src/client/mod.ts";
import { type Person, signIn } from "./client.ts";
import { emptyLog, type EventLog } from "./consistency_log.ts";
import { openWitness, type Witness } from "./consistency_witness.ts";

/** Somebody who writes and reads with the product's own client, which is told whatever comes over the witness. */
export interface ModelClient {
  person: Person;
  api: Api;
  socket: ChatSocket;
  chat: Chat;
  witness: Witness;
  /** What the client has delivered of a channel since it was asked last, in the order of delivery. */
  logOf: (channel: string) => EventLog;
  /** Position of the last event that was delivered of a channel, ever. */
  positionOf: (channel: string) => number;
  /** Positions up to which the client itself has given up on single events. */
  resetsOf: (channel: string) => number[];
  forget: () => void;
  close: () => void;
}

export interface ModelClientOptions {
  person: Person;
  conversationIds: string[];
  /** The instances that are up, of which one is chosen. */
  pickUrl: () => string | undefined;
  random: () => number;
}

/** Stands where the client expects one address; each request goes to an instance that is up. */
const ANYWHERE = "http://anywhere.invalid";
/** What a port answers that nobody listens on. */
const NOWHERE = "http://127.0.0.1:9";
const MAX_RETRY_MS = 300;
const REQUEST_LIMIT_MS = 10_000;
/** Access tokens live longer than this. */
const TOKEN_LIFE_MS = 240_000;

export async function openModelClient(options: ModelClientOptions): Promise<ModelClient> {
  const { person, random } = options;
  const pickUrl = () => options.pickUrl() ?? NOWHERE;
  const token = createTokens(person, pickUrl);
  const api = createApi(ANYWHERE, { token, fetch: createFetch(pickUrl) });
  const first = await readFirst(api, person.id, options.conversationIds);
  const witness = openWitness();
  const logs = new Map<string, EventLog>();
  const positions = new Map<string, number>();
  const resets = new Map<string, number[]>();
  const socket = createSocket({
    url: pickUrl,
    ticket: token,
    WebSocket: witness.WebSocket,
    backoffMs: () => random() * MAX_RETRY_MS,
    answerTimeoutMs: REQUEST_LIMIT_MS,
  });
  const deliver = (channel: string, seq: number) => {
    const log = entryOf(logs, channel, emptyLog);
    log.seqs.push(seq);
    log.marks.push(witness.of(channel).told.get(seq) ?? -1);
    positions.set(channel, seq);
  };
  socket.on("event", ({ channel, seq }) => deliver(channel, seq));
  socket.on("user", ({ seq }) => deliver("u", seq));
  socket.on("reset", ({ channel, seq }) => entryOf(resets, channel, () => []).push(seq));
  const chat = openChat({ api, socket, userId: person.id, first });
  const opening = keepOpen(chat);
  return {
    person,
    api,
    socket,
    chat,
    witness,
    logOf: (channel) => logs.get(channel) ?? emptyLog(),
    positionOf: (channel) => positions.get(channel) ?? 0,
    resetsOf: (channel) => resets.get(channel) ?? [],
    forget: () => {
      logs.clear();
      resets.clear();
      witness.forget();
    },
    close: () => {
      opening();
      chat.close();
      socket.close();
    },
  };
}

/** All that a client can be given before it opens: the position first, then what is at least as new. */
async function readFirst(api: Api, userId: string, ids: string[]): Promise<ChatState> {
  let state = emptyChat(userId);
  for (const id of ids) {
    const one = api.v1.conversations({ id });
    const { data: info } = await one.get();
    const { data: page } = await one.messages.get({ query: {} });
    const { data: members } = await one.members.get({ query: {} });
    const { data: pins } = await one.pins.get({ query: {} });
    if (!info || !page || !members || !pins) throw new Error(`Cannot begin with "${id}"`);
    const at = info.lastSeq;
    state = openWindow(withConversations(state, [info]), id, pageOf(page, at));
    state = withMembers(state, id, { items: members.items, at });
    state = withPins(state, id, { seqs: pins.items.map(({ message }) => message.seq), at });
  }
  return state;
}

/** Has every conversation on screen, also one into which the user comes later. */
function keepOpen(chat: Chat): () => void {
  const busy = new Set<string>();
  const look = () => {
    for (const [id, { window, members }] of Object.entries(chat.state.conversations)) {
      if ((window && members) || busy.has(id)) continue;
      busy.add(id);
      const reading = (window ? Promise.resolve() : chat.open(id)).then(() =>
        members ? undefined : chat.people(id),
      );
      void reading.catch(() => undefined).finally(() => busy.delete(id));
    }
  };
  return chat.subscribe(look);
}

/** The access token of the moment. */
export function createTokens(first: Person, pickUrl: () => string): () => Promise<string> {
  let { token } = first;
  let since = performance.now();
  let renewing: Promise<void> | undefined;
  return async () => {
    if (performance.now() - since > TOKEN_LIFE_MS) {
      renewing ??= signIn(pickUrl(), first)
        .then((person) => {
          token = person.token;
          since = performance.now();
        })
        .finally(() => (renewing = undefined));
      await renewing;
    }
    return token;
  };
}

function createFetch(pickUrl: () => string): typeof fetch {
  const reach = async (input: unknown, init?: RequestInit) => {
    const { pathname, search } = new URL(String(input));
    const signal = AbortSignal.timeout(REQUEST_LIMIT_MS);
    return await fetch(`${pickUrl()}${pathname}${search}`, { ...init, signal });
  };
  return reach as typeof fetch;
}

function entryOf<Value>(map: Map<string, Value>, key: string, create: () => Value): Value {
  const known = map.get(key) ?? create();
  map.set(key, known);
  return known;
}
