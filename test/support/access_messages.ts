import { group } from "./access_chat.ts";
import type { Stage } from "./access_rows.ts";
import { call } from "./client.ts";
import type { Call } from "./contract.ts";

/** What each visitor gets from the routes and frames about one message, in the columns of `TABLE`. */
export const MESSAGE_ROWS = `
PATCH /v1/conversations/:id/messages/:seq              anon  old   gone  none  no   200  none  none
DELETE /v1/conversations/:id/messages/:seq             anon  old   gone  none  no   204  none  none
GET /v1/conversations/:id/messages/:seq/edits          anon  old   gone  none  200  200  none  none
GET /v1/conversations/:id/messages/:seq/reactions      anon  old   gone  none  200  200  none  none
PUT /v1/conversations/:id/messages/:seq/reactions/:emoji     anon  old  gone  none  200  200  none  none
DELETE /v1/conversations/:id/messages/:seq/reactions/:emoji  anon  old  gone  none  200  200  none  none
GET /v1/conversations/:id/pins                         anon  old   gone  none  200  200  none  none
PUT /v1/conversations/:id/pins/:seq                    anon  old   gone  none  no   204  none  none
DELETE /v1/conversations/:id/pins/:seq                 anon  old   gone  none  no   204  none  none
GET /v1/conversations/:id/threads                      anon  old   gone  none  200  200  none  none
GET /v1/conversations/:id/threads/:seq/messages        anon  old   gone  none  200  200  none  none
PATCH /v1/conversations/:id/threads/:seq               anon  old   gone  none  200  200  none  none
SOCKET edit                                            4400  4401  4401  none  no   ok   none  none
SOCKET del                                             4400  4401  4401  none  no   ok   none  none
SOCKET react                                           4400  4401  4401  none  ok   ok   none  none
SOCKET pin                                             4400  4401  4401  none  no   ok   none  none
`;

/** A new message of the owner's in a new group of theirs, in which the member is. */
async function say(stage: Stage): Promise<{ id: string; seq: string }> {
  const { id } = await group(stage);
  const { token } = stage.people.owner;
  const body = { clientId: crypto.randomUUID(), body: "Good morning" };
  const path = `${stage.url}/v1/conversations/${id}/messages`;
  return { id, seq: String((await call("POST", path, { token, body })).body["seq"]) };
}

async function at(stage: Stage): Promise<Call> {
  return { params: await say(stage) };
}

async function emoji(stage: Stage): Promise<Call> {
  return { params: { ...(await say(stage)), emoji: encodeURIComponent("👍") } };
}

/** How to call them. */
export const MESSAGE_INPUTS = {
  "PATCH /v1/conversations/:id/messages/:seq": async (stage: Stage): Promise<Call> => ({
    ...(await at(stage)),
    body: { body: "Good evening", rev: 0 },
  }),
  "DELETE /v1/conversations/:id/messages/:seq": at,
  "GET /v1/conversations/:id/messages/:seq/edits": at,
  "GET /v1/conversations/:id/messages/:seq/reactions": at,
  "PUT /v1/conversations/:id/messages/:seq/reactions/:emoji": emoji,
  "DELETE /v1/conversations/:id/messages/:seq/reactions/:emoji": emoji,
  "GET /v1/conversations/:id/threads": at,
  "GET /v1/conversations/:id/threads/:seq/messages": at,
  "PATCH /v1/conversations/:id/threads/:seq": async (stage: Stage): Promise<Call> => ({
    ...(await at(stage)),
    body: { following: true },
  }),
  "GET /v1/conversations/:id/pins": at,
  "PUT /v1/conversations/:id/pins/:seq": at,
  "DELETE /v1/conversations/:id/pins/:seq": at,
};

async function about(stage: Stage) {
  const { id, seq } = await say(stage);
  return { i: 2, ch: `c:${id}`, msg: Number(seq) };
}

/** The frames about one message, by their row. */
export const MESSAGE_FRAMES = {
  "SOCKET edit": async (stage: Stage) => ({
    ...(await about(stage)),
    t: "edit",
    body: "Good evening",
    rev: 0,
  }),
  "SOCKET del": async (stage: Stage) => ({ ...(await about(stage)), t: "del" }),
  "SOCKET react": async (stage: Stage) => ({
    ...(await about(stage)),
    t: "react",
    e: "👍",
    on: true,
  }),
  "SOCKET pin": async (stage: Stage) => ({ ...(await about(stage)), t: "pin", on: true }),
};
