import type { Input, Stage } from "./access_rows.ts";
import { call, converse } from "./client.ts";

/** How to call the routes of conversations. */
export const CHAT_INPUTS: Record<string, Input> = {
  "GET /v1/conversations/:id": async (stage) => ({ params: await group(stage) }),
  "PATCH /v1/conversations/:id": async (stage) => ({
    params: await group(stage),
    body: { name: "VN100" },
  }),
  "PATCH /v1/conversations/:id/me": async (stage) => ({
    params: await group(stage),
    body: { archived: true },
  }),
  "PUT /v1/conversations/:id/read": async (stage) => ({
    params: await group(stage),
    body: { seq: 1 },
  }),
  "POST /v1/conversations/:id/unread": async (stage) => ({
    params: await group(stage),
    body: { seq: 1 },
  }),
  "GET /v1/conversations/:id/reads": async (stage) => ({ params: await group(stage) }),
  "GET /v1/conversations/:id/messages/:seq/readers": async (stage) => {
    const { id } = await group(stage);
    const { token } = stage.people.owner;
    const body = { clientId: crypto.randomUUID(), body: "Good morning" };
    const sent = await call("POST", `${stage.url}/v1/conversations/${id}/messages`, {
      token,
      body,
    });
    return { params: { id, seq: String(sent.body["seq"]) } };
  },
  "GET /v1/conversations/:id/members": async (stage) => ({ params: await group(stage) }),
  "PATCH /v1/conversations/:id/members/:userId": async (stage) => ({
    params: { ...(await group(stage)), userId: stage.silent.id },
    body: { role: "reader" },
  }),
  "POST /v1/conversations/:id/owner": async (stage) => ({
    params: await group(stage),
    body: { userId: stage.silent.id },
  }),
  "GET /v1/conversations/:id/messages": async (stage) => ({ params: await group(stage) }),
  "POST /v1/conversations/:id/messages": async (stage) => ({
    params: await group(stage),
    body: { clientId: crypto.randomUUID(), body: "Good morning" },
  }),
  "PUT /v1/conversations/:id/members/:userId": async (stage) => ({
    params: { ...(await group(stage)), userId: stage.people.stranger.id },
  }),
  "DELETE /v1/conversations/:id/members/:userId": async (stage) => ({
    params: { ...(await group(stage)), userId: stage.silent.id },
  }),
};

/** A new group of the owner's, in which the member is. */
export async function group({ url, people, silent }: Stage): Promise<{ id: string }> {
  const memberIds = [people.member.id, silent.id];
  return { id: await converse(url, people.owner.token, { kind: "group", name: "HNX", memberIds }) };
}
