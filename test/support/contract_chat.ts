import type postgres from "postgres";

import { call as ask, converse, type Person, signUp } from "./client.ts";
import { blockedPair } from "./contract_safety.ts";

/** Scenarios of conversations, their members and their messages. */
export async function chatScenarios(
  url: string,
  { owner, strictUrl, sql }: { owner: Person; strictUrl: string; sql: postgres.Sql },
) {
  const { token } = owner;
  const [minh, stranger] = await Promise.all([signUp(url, "Minh"), signUp(url, "An")]);
  const open = (body: object) => converse(url, token, body);
  const group = await open({ kind: "group", name: "VN30", memberIds: [minh.id] });
  const full = await open({ kind: "group", name: "All", memberIds: [minh.id] });
  const direct = await open({ kind: "direct", userId: minh.id });
  await fill(sql, full);
  const apart = await blockedPair(url);
  const reader = await signUp(url, "Reader");
  const quiet = await open({ kind: "group", name: "Quiet", memberIds: [reader.id] });
  await sql`update app.conversation_members set role = 'reader', permissions = 0
    where user_id = ${reader.id}`;
  const message = (id: string) => {
    const body = { clientId: crypto.randomUUID(), body: "Good morning" };
    return { token, params: { id }, body };
  };
  const sent = async () => {
    const made = message(group);
    await ask("POST", `${url}/v1/conversations/${group}/messages`, made);
    return made;
  };
  const member = (id: string, userId: string) => ({ token, params: { id, userId } });
  const nowhere = crypto.randomUUID();
  const channel = await open({ kind: "channel", name: "HOSE", memberIds: [minh.id] });
  const roles = await open({ kind: "group", name: "Roles", memberIds: [minh.id] });
  const handed = await open({ kind: "group", name: "Handed", memberIds: [minh.id] });
  const own = (id: string, body?: object) => ({ token, params: { id }, body });
  const role = (id: string, userId: string) => ({
    ...member(id, userId),
    body: { role: "moderator" },
  });
  const readersOf = (id: string, seq: string) => ({ token, params: { id, seq } });
  return {
    listConversations: {
      "200": () => ({ token, query: "?limit=1" }),
      "400 invalid_cursor": () => ({ token, query: "?cursor=made.up" }),
    },
    openConversation: {
      "201": () => ({ token, body: { kind: "group", name: "HNX", memberIds: [] } }),
      "200": () => ({ token, body: { kind: "direct", userId: minh.id } }),
      "403 not_reachable": async () => {
        const [one, two] = await Promise.all([signUp(url, "One"), signUp(url, "Two")]);
        await ask("PUT", `${url}/v1/me/blocks/${two.id}`, { token: one.token });
        return { token: two.token, body: { kind: "direct", userId: one.id } };
      },
      "404 not_found": () => ({ token, body: { kind: "direct", userId: nowhere } }),
    },
    getConversation: {
      "200": () => own(group),
      "404 not_found": () => own(nowhere),
    },
    changeConversation: {
      "200": () => own(group, { name: "VN100", slowModeSeconds: 10 }),
      "403 forbidden": () => ({ ...own(group, { name: "Mine" }), token: minh.token }),
      "404 not_found": () => own(nowhere, { name: "VN100" }),
      "409 not_a_group": () => own(direct, { name: "VN100" }),
    },
    totalUnread: { "200": () => ({ token }) },
    changeOwnConversationSettings: {
      "200": () => own(group, { muted: "forever", notify: "mentions" }),
      "404 not_found": () => own(nowhere, { archived: true }),
    },
    markRead: {
      "200": () => own(group, { seq: 1 }),
      "404 not_found": () => own(nowhere, { seq: 1 }),
    },
    markUnread: {
      "200": () => own(group, { seq: 1 }),
      "404 not_found": () => own(nowhere, { seq: 1 }),
    },
    listReads: {
      "200": () => own(group),
      "404 not_found": () => own(nowhere),
      "409 no_receipts": () => own(channel),
      "400 invalid_cursor": () => ({ ...own(group), query: "?cursor=made.up" }),
    },
    listReaders: {
      "200": async () => {
        const { body } = await ask("POST", `${url}/v1/conversations/${roles}/messages`, {
          ...message(roles),
        });
        return readersOf(roles, String(body["seq"]));
      },
      "404 not_found": () => readersOf(group, "1"),
      "409 no_receipts": () => readersOf(channel, "1"),
      "400 invalid_cursor": async () => {
        const { body } = await ask("POST", `${url}/v1/conversations/${roles}/messages`, {
          ...message(roles),
        });
        return { ...readersOf(roles, String(body["seq"])), query: "?cursor=made.up" };
      },
    },
    listMembers: {
      "200": () => ({ ...own(group), query: "?limit=1&role=member" }),
      "400 invalid_cursor": () => ({ ...own(group), query: "?cursor=made.up" }),
      "404 not_found": () => own(nowhere),
    },
    changeRole: {
      "204": () => role(roles, minh.id),
      "403 forbidden": () => role(roles, owner.id),
      "404 not_found": () => role(roles, nowhere),
      "409 not_a_group": () => role(direct, minh.id),
    },
    handOverConversation: {
      "204": () => own(handed, { userId: minh.id }),
      "403 forbidden": () => ({ ...own(roles, { userId: minh.id }), token: minh.token }),
      "404 not_found": () => own(roles, { userId: nowhere }),
      "409 not_a_group": () => own(direct, { userId: minh.id }),
    },
    sendMessage: {
      "201": () => message(group),
      "200": sent,
      "403 forbidden": () => ({ ...message(quiet), token: reader.token }),
      "403 not_reachable": () => ({
        ...message(apart.conversationId),
        token: apart.blocked.token,
      }),
      "404 not_found": () => message(nowhere),
      "429 slow_mode": async () => {
        const slow = await open({ kind: "group", name: "Slow", memberIds: [minh.id] });
        const settings = { token, body: { slowModeSeconds: 600 } };
        await ask("PATCH", `${url}/v1/conversations/${slow}`, settings);
        const first = { ...message(slow), token: minh.token };
        await ask("POST", `${url}/v1/conversations/${slow}/messages`, first);
        return { ...message(slow), token: minh.token };
      },
      "429 rate_limited": async () => {
        await ask("POST", `${strictUrl}/v1/conversations/${group}/messages`, message(group));
        return { ...message(group), at: strictUrl };
      },
    },
    listMessages: {
      "200": () => ({ token, params: { id: group } }),
      "400 invalid_cursor": () => ({ token, params: { id: group }, query: "?cursor=made.up" }),
      "404 not_found": () => ({ token, params: { id: nowhere } }),
    },
    addMember: {
      "204": () => member(group, stranger.id),
      "403 forbidden": () => ({ ...member(group, stranger.id), token: minh.token }),
      "403 not_reachable": async () => {
        const { blocker, blocked } = apart;
        const body = { kind: "group", name: "Alone", memberIds: [] };
        const alone = await converse(url, blocked.token, body);
        return { ...member(alone, blocker.id), token: blocked.token };
      },
      "403 barred": async () => {
        const barred = await signUp(url, "Barred");
        await ask("PUT", `${url}/v1/conversations/${group}/bans/${barred.id}`, { token });
        return member(group, barred.id);
      },
      "404 not_found": () => member(group, nowhere),
      "409 not_a_group": () => member(direct, stranger.id),
      "409 group_full": () => member(full, stranger.id),
    },
    removeMember: {
      "204": () => member(group, stranger.id),
      "403 forbidden": () => ({ ...member(group, owner.id), token: minh.token }),
      "404 not_found": () => member(nowhere, minh.id),
      "409 not_a_group": () => member(direct, owner.id),
      "409 last_owner": () => member(group, owner.id),
    },
  };
}

/** Puts as many people into a group as it may have. */
async function fill(sql: postgres.Sql, conversationId: string): Promise<void> {
  await sql`with people as (
      insert into app.users (id, display_name, created_at)
      select gen_random_uuid(), 'One of many', now() from generate_series(1, 498) returning id)
    insert into app.conversation_members (conversation_id, user_id, role, joined_seq)
    select ${conversationId}, id, 'member', 1 from people`;
  await sql`update app.conversations set member_count = 500 where id = ${conversationId}`;
}
