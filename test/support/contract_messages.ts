import type postgres from "postgres";

import { call as ask, converse, type Person, signUp } from "./client.ts";

/** Scenarios of what becomes of messages. */
export async function messageScenarios(
  url: string,
  { owner, strictUrl, sql }: { owner: Person; strictUrl: string; sql: postgres.Sql },
) {
  const { token } = owner;
  const reader = await signUp(url, "Reader");
  const id = await converse(url, token, { kind: "group", name: "Life", memberIds: [reader.id] });
  await sql`update app.conversation_members set role = 'reader', permissions = 0
    where user_id = ${reader.id}`;
  const say = async () => {
    const body = { clientId: crypto.randomUUID(), body: "Good morning" };
    const sent = await ask("POST", `${url}/v1/conversations/${id}/messages`, { token, body });
    return { id, seq: String(sent.body["seq"]) };
  };
  const said = async () => ({ token, params: await say() });
  const nowhere = { token, params: { id: crypto.randomUUID(), seq: "1" } };
  const edit = { body: { body: "Good evening", rev: 0 } };
  const gone = async () => {
    const made = await said();
    await ask("DELETE", `${url}/v1/conversations/${id}/messages/${made.params.seq}`, { token });
    return made;
  };
  const by = (person: Person) => ({ token: person.token });
  const cursor = { query: "?cursor=made.up" };
  const liked = async () => ({ token, params: { ...(await say()), emoji: "%F0%9F%91%8D" } });
  const likedNowhere = { token, params: { ...nowhere.params, emoji: "%F0%9F%91%8D" } };
  /** The same by somebody who has just used up what they may do where little is allowed. */
  const tooSoon = async <Call extends object>(made: Call) => {
    const body = { clientId: crypto.randomUUID(), body: "Good morning" };
    await ask("POST", `${strictUrl}/v1/conversations/${id}/messages`, { token, body });
    return { ...made, at: strictUrl };
  };
  /** A message with twenty kinds of reactions. */
  const adored = async () => {
    const made = await liked();
    await sql`insert into app.message_reactions
      select ${id}, ${made.params.seq}, ${owner.id}, 'x' || n, now() from generate_series(1, 20) n`;
    return made;
  };
  /** A conversation in which a hundred messages are pinned. */
  const pinned = async () => {
    const full = await converse(url, token, { kind: "group", name: "Full", memberIds: [] });
    await sql`with many as (
        insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at)
        select gen_random_uuid(), ${full}, n, 9 + n, ${owner.id}, gen_random_uuid(), 'x', now()
        from generate_series(1, 101) n returning conversation_id, seq)
      insert into app.pinned_messages select conversation_id, seq, ${owner.id}, now() from many where seq < 110`;
    return { token, params: { id: full, seq: "110" } };
  };
  return {
    editMessage: {
      "200": async () => ({ ...(await said()), ...edit }),
      "403 forbidden": async () => ({ ...(await said()), ...edit, ...by(reader) }),
      "404 not_found": () => ({ ...nowhere, ...edit }),
      "409 message_gone": async () => ({ ...(await gone()), ...edit }),
      "409 edit_conflict": async () => ({ ...(await said()), body: { body: "x", rev: 3 } }),
      "409 edit_window_closed": async () => {
        const made = await said();
        await sql`update app.messages set created_at = now() - interval '2 days'
          where conversation_id = ${id} and seq = ${made.params.seq}`;
        return { ...made, ...edit };
      },
      "429 rate_limited": async () => tooSoon({ ...(await said()), ...edit }),
    },
    deleteMessage: {
      "204": said,
      "403 forbidden": async () => ({ ...(await said()), ...by(reader) }),
      "404 not_found": () => nowhere,
    },
    listEdits: {
      "200": said,
      "400 invalid_cursor": async () => ({ ...(await said()), ...cursor }),
      "404 not_found": () => nowhere,
    },
    listReactions: {
      "200": said,
      "400 invalid_cursor": async () => ({ ...(await said()), ...cursor }),
      "404 not_found": () => nowhere,
    },
    addReaction: {
      "200": liked,
      "403 forbidden": async () => ({ ...(await liked()), ...by(reader) }),
      "404 not_found": () => likedNowhere,
      "409 message_gone": async () => {
        const { params } = await gone();
        return { token, params: { ...params, emoji: "%F0%9F%91%8D" } };
      },
      "409 too_many_reactions": adored,
      "429 rate_limited": async () => tooSoon(await liked()),
    },
    removeReaction: {
      "200": liked,
      "404 not_found": () => likedNowhere,
      "429 rate_limited": async () => tooSoon(await liked()),
    },
    listThreads: {
      "200": () => ({ token, params: { id } }),
      "400 invalid_cursor": () => ({ token, params: { id }, ...cursor }),
      "404 not_found": () => nowhere,
    },
    listThreadMessages: {
      "200": said,
      "400 invalid_cursor": async () => ({ ...(await said()), ...cursor }),
      "404 not_found": () => nowhere,
    },
    changeThread: {
      "200": async () => ({ ...(await said()), body: { readSeq: 1, following: true } }),
      "404 not_found": () => ({ ...nowhere, body: { readSeq: 1 } }),
    },
    listPins: {
      "200": () => ({ token, params: { id } }),
      "400 invalid_cursor": () => ({ token, params: { id }, ...cursor }),
      "404 not_found": () => nowhere,
    },
    pinMessage: {
      "204": said,
      "403 forbidden": async () => ({ ...(await said()), ...by(reader) }),
      "404 not_found": () => nowhere,
      "409 message_gone": gone,
      "409 too_many_pins": pinned,
      "429 rate_limited": async () => tooSoon(await said()),
    },
    unpinMessage: {
      "204": said,
      "403 forbidden": async () => ({ ...(await said()), ...by(reader) }),
      "404 not_found": () => nowhere,
      "429 rate_limited": async () => tooSoon(await said()),
    },
  };
}
