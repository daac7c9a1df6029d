import type postgres from "postgres";

import { call as ask, converse, type Person, signUp } from "./client.ts";

/** Scenarios of what keeps people safe from each other. */
export async function safetyScenarios(
  url: string,
  { owner, sql }: { owner: Person; sql: postgres.Sql },
) {
  const [other, crowded] = await Promise.all([signUp(url, "Other"), signUp(url, "Crowded")]);
  await sql`with people as (
      insert into app.users (id, display_name, created_at)
      select gen_random_uuid(), 'One of many', now() from generate_series(1, 2000) returning id)
    insert into app.blocks select ${crowded.id}, id, now() from people`;
  const { token } = owner;
  const block = (userId: string) => ({ token, params: { userId } });
  const room = await converse(url, token, { kind: "group", name: "Found", memberIds: [] });
  await ask("POST", `${url}/v1/conversations/${room}/messages`, {
    token,
    body: { clientId: crypto.randomUUID(), body: "Good morning" },
  });
  const search = (query: string) => ({ token, query });
  const within = (query: string, id = room) => ({ token, params: { id }, query });
  const nowhere = crypto.randomUUID();
  return {
    searchMessages: {
      "200": () => search("?q=morning"),
      "400 invalid_cursor": () => search("?q=morning&cursor=made.up"),
      "404 not_found": () => search(`?q=morning&conversationId=${nowhere}`),
      "422 nothing_to_search": () => search("?q=-morning"),
    },
    searchConversation: {
      "200": () => within("?q=morning&sort=best"),
      "400 invalid_cursor": () => within("?q=morning&cursor=made.up"),
      "404 not_found": () => within("?q=morning", nowhere),
      "422 nothing_to_search": () => within("?q=%21"),
    },
    listBlocks: {
      "200": () => ({ token, query: "?limit=1" }),
      "400 invalid_cursor": () => ({ token, query: "?cursor=made.up" }),
    },
    blockUser: {
      "204": () => block(other.id),
      "404 not_found": () => block(crypto.randomUUID()),
      "409 too_many_blocks": () => ({ ...block(other.id), token: crowded.token }),
    },
    unblockUser: { "204": () => block(other.id) },
  };
}

/** Two who have a direct conversation, of whom one has blocked the other. */
export async function blockedPair(
  url: string,
): Promise<{ blocker: Person; blocked: Person; conversationId: string }> {
  const [blocker, blocked] = await Promise.all([signUp(url, "Blocker"), signUp(url, "Blocked")]);
  const body = { kind: "direct", userId: blocked.id };
  const conversationId = await converse(url, blocker.token, body);
  await ask("PUT", `${url}/v1/me/blocks/${blocked.id}`, { token: blocker.token });
  return { blocker, blocked, conversationId };
}
