import type postgres from "postgres";

import { call as ask, converse, type Person, sessionOf, signIn, signUp } from "./client.ts";
import { signUpAs } from "./contract_staff.ts";

/** Scenarios of what keeps people safe from each other. */
export async function safetyScenarios(
  url: string,
  { owner, strictUrl, sql }: { owner: Person; strictUrl: string; sql: postgres.Sql },
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
  const tooOften = async () => {
    const { token: eager } = await signUp(url, "Eager");
    await ask("GET", `${strictUrl}/v1/conversations/search?q=morning`, { token: eager });
    return { token: eager, at: strictUrl };
  };
  return {
    ...(await reportScenarios(url, { owner, strictUrl, sql })),
    ...(await banScenarios(url, { owner, sql })),
    searchMessages: {
      "200": () => search("?q=morning"),
      "400 invalid_cursor": () => search("?q=morning&cursor=made.up"),
      "404 not_found": () => search(`?q=morning&conversationId=${nowhere}`),
      "422 nothing_to_search": () => search("?q=-morning"),
      "429 rate_limited": async () => ({ ...search("?q=morning"), ...(await tooOften()) }),
    },
    searchConversation: {
      "200": () => within("?q=morning&sort=best"),
      "400 invalid_cursor": () => within("?q=morning&cursor=made.up"),
      "404 not_found": () => within("?q=morning", nowhere),
      "422 nothing_to_search": () => within("?q=%21"),
      "429 rate_limited": async () => ({ ...within("?q=morning"), ...(await tooOften()) }),
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

async function reportScenarios(
  url: string,
  { owner, strictUrl, sql }: { owner: Person; strictUrl: string; sql: postgres.Sql },
) {
  const [other, moderator, target] = await Promise.all([
    signUp(url, "Loud"),
    signUpAs("moderator", { url, sql }),
    signUpAs("admin", { url, sql }),
  ]);
  const late = await signIn(url, moderator);
  await sql`update app.sessions set authenticated_at = now() - interval '1 day'
    where id = ${sessionOf(late.token)}`;
  const memberIds = [other.id, target.id];
  const body = { kind: "group", name: "Loud", memberIds };
  const conversationId = await converse(url, owner.token, body);
  const say = async ({ token }: Person): Promise<object> => {
    const message = { clientId: crypto.randomUUID(), body: "Buy now" };
    const path = `${url}/v1/conversations/${conversationId}/messages`;
    const { body: stored } = await ask("POST", path, { token, body: message });
    return { conversationId, seq: stored["seq"], reason: "spam" };
  };
  const report = async (said: object): Promise<string> => {
    const answer = await ask("POST", `${url}/v1/reports`, { token: owner.token, body: said });
    return String(answer.body["id"]);
  };
  const resolve = async (token: string, action: string, of = other) => ({
    token,
    params: { id: await report(await say(of)) },
    body: { action, note: "Seen" },
  });
  const open = await report(await say(other));
  const { token } = owner;
  const nowhere = crypto.randomUUID();
  return {
    reportMessage: {
      "201": async () => ({ token, body: await say(other) }),
      "200": async () => {
        const said = await say(other);
        await report(said);
        return { token, body: said };
      },
      "404 not_found": () => ({ token, body: { conversationId: nowhere, seq: 1, reason: "spam" } }),
      "409 own_message": async () => ({ token, body: await say(owner) }),
      "429 rate_limited": async () => ({ token, body: await say(other), at: strictUrl }),
    },
    listReports: {
      "200": () => ({ token: moderator.token, query: "?limit=1&state=open" }),
      "400 invalid_cursor": () => ({ token: moderator.token, query: "?cursor=made.up" }),
      "404 not_found": () => ({ token }),
    },
    getReport: {
      "200": () => ({ token: moderator.token, params: { id: open } }),
      "404 not_found": () => ({ token: moderator.token, params: { id: nowhere } }),
    },
    resolveReport: {
      "200": () => resolve(moderator.token, "delete_message"),
      "403 forbidden": () => resolve(moderator.token, "ban_user", target),
      "403 reauthentication_required": () => resolve(late.token, "ban_user"),
      "404 not_found": () => ({
        token: moderator.token,
        params: { id: nowhere },
        body: { action: "dismiss" },
      }),
      "409 report_resolved": async () => {
        const call = await resolve(moderator.token, "dismiss");
        await ask("POST", `${url}/v1/admin/reports/${call.params.id}/resolve`, call);
        return call;
      },
    },
  };
}

async function banScenarios(url: string, { owner, sql }: { owner: Person; sql: postgres.Sql }) {
  const [minh, gone] = await Promise.all([signUp(url, "Minh"), signUp(url, "Gone")]);
  const { token } = owner;
  const open = (name: string) =>
    converse(url, token, { kind: "group", name, memberIds: [minh.id] });
  const [group, crowded] = await Promise.all([open("Strict"), open("Crowded")]);
  const direct = await converse(url, token, { kind: "direct", userId: minh.id });
  await sql`with people as (
      insert into app.users (id, display_name, created_at)
      select gen_random_uuid(), 'One of many', now() from generate_series(1, 5000) returning id)
    insert into app.conversation_bans select ${crowded}, id, ${owner.id}, now() from people`;
  const ban = (id: string, userId = gone.id) => ({ token, params: { id, userId } });
  const nowhere = crypto.randomUUID();
  return {
    listBans: {
      "200": () => ({ token, params: { id: group }, query: "?limit=1" }),
      "400 invalid_cursor": () => ({ token, params: { id: group }, query: "?cursor=made.up" }),
      "403 forbidden": () => ({ token: minh.token, params: { id: group } }),
      "404 not_found": () => ({ token, params: { id: nowhere } }),
      "409 not_a_group": () => ({ token, params: { id: direct } }),
    },
    barUser: {
      "204": () => ban(group),
      "403 forbidden": () => ({ ...ban(group), token: minh.token }),
      "404 not_found": () => ban(group, nowhere),
      "409 not_a_group": () => ban(direct),
      "409 still_member": () => ban(group, minh.id),
      "409 too_many_bans": () => ban(crowded),
    },
    unbarUser: {
      "204": () => ban(group),
      "403 forbidden": () => ({ ...ban(group), token: minh.token }),
      "404 not_found": () => ban(nowhere),
      "409 not_a_group": () => ban(direct),
    },
  };
}
