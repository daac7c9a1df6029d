import type { Api, ChatState, Message } from "../../src/client/mod.ts";

/** What one member sees of a conversation, whichever way it was come by. */
export interface Sight {
  info: Record<string, unknown>;
  /** The oldest first. */
  messages: SightMessage[];
  /** None where the client has not read them. */
  members?: string[] | undefined;
  pins?: number[] | undefined;
}

export interface SightMessage {
  seq: number;
  id: string;
  clientId: string;
  senderId: string;
  body: string;
  rev: number;
  isDeleted: boolean;
  reactions: string[];
}

const PAGE = 100;

/** What a client has made of what it was told; undefined where it is in no such conversation. */
export function sightOf({ conversations }: ChatState, id: string): Sight | undefined {
  const found = conversations[id];
  if (!found) return undefined;
  const { info, window, members, pins } = found;
  return {
    info: { ...info },
    messages: (window?.messages ?? []).map(toSight),
    members: members && Object.values(members.byId).map(nameOf).toSorted(),
    pins: pins && [...pins.seqs],
  };
}

/** The same, read over HTTP this moment. */
export async function readFresh(api: Api, id: string, pages: number): Promise<Sight | undefined> {
  const one = api.v1.conversations({ id });
  const info = await one.get();
  if (info.error?.status === 404) return undefined;
  const members = await one.members.get({ query: { limit: PAGE } });
  const pins = await one.pins.get({ query: { limit: PAGE } });
  if (!info.data || !members.data || !pins.data) throw new Error(`Cannot read "${id}" afresh`);
  return {
    info: info.data,
    messages: await readPages(api, id, pages),
    members: members.data.items.map(nameOf).toSorted(),
    pins: pins.data.items.map(({ message }) => message.seq).toSorted((one, two) => one - two),
  };
}

async function readPages(api: Api, id: string, pages: number): Promise<SightMessage[]> {
  const all: SightMessage[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < pages && (page === 0 || cursor !== null); page += 1) {
    const data = await readPage(api, id, cursor);
    all.unshift(...data.items.map(toSight).toReversed());
    cursor = data.page.nextCursor;
  }
  return all;
}

async function readPage(api: Api, id: string, cursor: string | null) {
  const query = { limit: PAGE, ...(cursor === null ? {} : { cursor }) };
  const { data } = await api.v1.conversations({ id }).messages.get({ query });
  if (!data) throw new Error(`Cannot read the messages of "${id}" afresh`);
  return data;
}

function toSight(message: Message): SightMessage {
  const { seq, id, clientId, senderId, body, rev = 0, deletedAt, reactions = [] } = message;
  const isDeleted = deletedAt !== undefined;
  const counts = reactions.map(({ emoji, count, mine }) => `${emoji} ${count} ${mine}`);
  return { seq, id, clientId, senderId, body, rev, isDeleted, reactions: counts.toSorted() };
}

function nameOf({ userId, role }: { userId: string; role: string }): string {
  return `${userId} ${role}`;
}

/** Where two ways to see the same conversation differ, as far as both tell of it; undefined where they do not. */
export function differenceOf(one: Sight | undefined, other: Sight | undefined): string | undefined {
  if (!one || !other) return one === other ? undefined : `is a member: ${!!one}, ${!!other}`;
  const keys = Object.keys(one.info).filter((key) => Object.hasOwn(other.info, key));
  const key = keys.find((each) => !Bun.deepEquals(one.info[each], other.info[each]));
  if (key !== undefined) return told(key, one.info[key], other.info[key]);
  for (const part of ["members", "pins"] as const)
    if (one[part] && other[part] && !Bun.deepEquals(one[part], other[part]))
      return told(part, one[part], other[part]);
  return differenceOfMessages(one.messages, other.messages);
}

/** The last ones, of which both tell; somebody tells of none only where there are none. */
function differenceOfMessages(one: SightMessage[], other: SightMessage[]): string | undefined {
  const least = Math.min(one.length, other.length);
  if (least === 0) return one.length === other.length ? undefined : "messages: none, and some";
  const [ours, theirs] = [one.slice(-least), other.slice(-least)];
  const at = ours.findIndex((message, index) => !Bun.deepEquals(message, theirs[index]));
  return at === -1 ? undefined : told("message", ours[at], theirs[at]);
}

function told(what: string, one: unknown, other: unknown): string {
  return `${what}: ${JSON.stringify(one)}, ${JSON.stringify(other)}`;
}
