import { group } from "./access_chat.ts";
import type { Input, Stage } from "./access_rows.ts";
import { call, type Person, signUp } from "./client.ts";

/** How to call the routes that keep people safe from each other. */
export const SAFETY_INPUTS: Record<string, Input> = {
  "GET /v1/conversations/:id/bans": async (stage) => ({ params: await group(stage) }),
  "PUT /v1/conversations/:id/bans/:userId": async (stage) => ({
    params: { ...(await group(stage)), userId: stage.people.stranger.id },
  }),
  "DELETE /v1/conversations/:id/bans/:userId": async (stage) => ({
    params: { ...(await group(stage)), userId: stage.people.stranger.id },
  }),
  "POST /v1/reports": async (stage) => ({ body: await reportable(stage) }),
  "GET /v1/admin/reports/:id": async (stage) => ({ params: { id: await reported(stage) } }),
  "POST /v1/admin/reports/:id/resolve": async (stage) => ({
    params: { id: await reported(stage) },
    body: { action: "dismiss" },
  }),
  "GET /v1/conversations/search": () => ({ query: "?q=morning" }),
  "GET /v1/conversations/:id/messages/search": async (stage) => ({
    params: await group(stage),
    query: "?q=morning",
  }),
  "PUT /v1/me/blocks/:userId": async ({ url }) => ({ params: { userId: (await signUp(url)).id } }),
  "DELETE /v1/me/blocks/:userId": ({ silent }) => ({ params: { userId: silent.id } }),
};

/** A message in a new group, and why one would report it. */
async function reportable(stage: Stage): Promise<object> {
  const { id } = await group(stage);
  const seq = await say(stage.url, { id, person: stage.silent });
  return { conversationId: id, seq, reason: "spam" };
}

async function reported(stage: Stage): Promise<string> {
  const body = await reportable(stage);
  const { token } = stage.people.member;
  const answer = await call("POST", `${stage.url}/v1/reports`, { token, body });
  return String(answer.body["id"]);
}

/** @returns where the message stands. */
async function say(url: string, { id, person }: { id: string; person: Person }): Promise<number> {
  const body = { clientId: crypto.randomUUID(), body: "Buy now" };
  const { token } = person;
  const answer = await call("POST", `${url}/v1/conversations/${id}/messages`, { token, body });
  return Number(answer.body["seq"]);
}
