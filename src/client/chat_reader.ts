import type { Api } from "./api.ts";
import type { Conversation, ConversationDetails, Member, MessagePage } from "./contract.ts";
import { ClientError, type ClientErrorCode } from "./problem.ts";

/** What a chat reads over HTTP. Every function throws a ClientError with the code of a refusal. */

interface Refusal {
  status: number;
  value: { code: ClientErrorCode };
}

interface Listed<Item> {
  items: Item[];
  page: { nextCursor: string | null };
}

const PAGE = 50;
const LARGE_PAGE = 100;
/** As many as a group may have; of a channel only so many are listed. */
const MAX_MEMBERS = 500;
/** As many as the server lets one user block. */
const MAX_BLOCKED = 2_000;

/** The conversations that were active last. */
export async function listConversations(api: Api): Promise<Conversation[]> {
  const { data, error } = await api.v1.conversations.get({ query: { limit: PAGE } });
  return (data ?? refuse("list the conversations", error)).items;
}

/** Undefined for who is not in it. */
export async function findConversation(
  api: Api,
  id: string,
): Promise<ConversationDetails | undefined> {
  const { data, error } = await api.v1.conversations({ id }).get();
  if (error?.status === 404) return undefined;
  return data ?? refuse("read a conversation", error);
}

/** The newest messages, or those of a later page. */
export async function listMessages(
  api: Api,
  id: string,
  cursor: string | null,
): Promise<MessagePage> {
  const query = { limit: PAGE, ...cursorOf(cursor) };
  const { data, error } = await api.v1.conversations({ id }).messages.get({ query });
  return data ?? refuse("read the messages", error);
}

export async function listMembers(api: Api, id: string): Promise<Member[]> {
  return await readAll(MAX_MEMBERS, async (query) => {
    const { data, error } = await api.v1.conversations({ id }).members.get({ query });
    return data ?? refuse("list the members", error);
  });
}

/** How far others have read; of a channel, and of a large group, nobody is told. */
export async function listReads(api: Api, id: string): Promise<{ userId: string; seq: number }[]> {
  const { data, error } = await api.v1.conversations({ id }).reads.get();
  if (error?.status === 409) return [];
  return (data ?? refuse("read who has read", error)).items;
}

/** The ids of those whom the user has blocked. */
export async function listBlocked(api: Api): Promise<string[]> {
  const blocks = await readAll(MAX_BLOCKED, async (query) => {
    const { data, error } = await api.v1.me.blocks.get({ query });
    return data ?? refuse("list the blocked", error);
  });
  return blocks.map(({ userId }) => userId);
}

/** Page after page. */
async function readAll<Item>(
  most: number,
  read: (query: { limit: number; cursor?: string }) => Promise<Listed<Item>>,
): Promise<Item[]> {
  const all: Item[] = [];
  let cursor: string | null = null;
  do {
    const { items, page }: Listed<Item> = await read({ limit: LARGE_PAGE, ...cursorOf(cursor) });
    all.push(...items);
    cursor = page.nextCursor;
  } while (cursor !== null && all.length < most);
  return all;
}

function cursorOf(cursor: string | null): { cursor?: string } {
  return cursor === null ? {} : { cursor };
}

function refuse(what: string, error: Refusal | null): never {
  const code = error?.value.code ?? "unreachable";
  throw new ClientError(code, `Cannot ${what}: ${code}`, error?.status ?? 0);
}
