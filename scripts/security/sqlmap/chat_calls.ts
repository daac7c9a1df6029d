import { call as ask, converse, type Person, signUp } from "../../../test/support/client.ts";
import { signUpAs } from "../../../test/support/contract_staff.ts";
import type { Calls, World } from "./fresh.ts";

/** Lists have a second page, so that there is a cursor; filters leave it there. */
const AT_LEAST_TWO = ["Good morning", "Good evening"];
const THUMB = "👍";

interface Room {
  id: string;
  lan: Person;
  members: [Person, Person];
  /** Positions of what the members and Lan have said. */
  seqs: [string, string];
}

async function openRoom({ url }: World): Promise<Room> {
  const [lan, minh, an] = await Promise.all([signUp(url), signUp(url), signUp(url)]);
  const memberIds = [minh.id, an.id];
  const id = await converse(url, lan.token, { kind: "group", name: "Room", memberIds });
  const [first = "", second = ""] = await sayAll(url, lan, { id });
  return { id, lan, members: [minh, an], seqs: [first, second] };
}

/** One after the other, so that the positions are in their order. */
async function sayAll(
  url: string,
  { token }: Person,
  { id, ...more }: { id: string; threadSeq?: number },
): Promise<string[]> {
  const seqs: string[] = [];
  for (const text of AT_LEAST_TWO) {
    const body = { clientId: crypto.randomUUID(), body: text, ...more };
    seqs.push(
      await must(
        { url, method: "POST", path: `/v1/conversations/${id}/messages` },
        { token, body },
      ),
    );
  }
  return seqs;
}

interface Step {
  url: string;
  method: string;
  path: string;
}

/** @returns the position that the answer names, if any. @throws when it is a refusal. */
async function must({ url, method, path }: Step, call: { token: string; body?: object }) {
  const { status, body } = await ask(method, `${url}${path}`, call);
  if (status >= 300) throw new Error(`Cannot prepare "${method} ${path}": ${JSON.stringify(body)}`);
  return String(body["seq"]);
}

/** Does the same as each of them in turn. */
async function each(
  url: string,
  steps: [by: Person, method: string, path: string, body?: object][],
) {
  for (const [{ token }, method, path, body] of steps)
    await must({ url, method, path }, { token, ...(body && { body }) });
}

/** Where conversations are listed and led. */
const ROOMS: Record<string, (world: World) => Promise<Calls>> = {
  listConversations: async ({ url }) => {
    const { token } = await signUp(url);
    for (const name of ["Room of one", "Room of two"])
      await converse(url, token, { kind: "group", name, memberIds: [] });
    return { filtered: () => ({ token, query: "?kind=group&q=room&archived=false" }) };
  },
  listMembers: async (world) => {
    const { id, lan } = await openRoom(world);
    return { filtered: () => ({ token: lan.token, params: { id }, query: "?role=member" }) };
  },
  handOverConversation: async ({ url }) => {
    const [{ token }, minh] = await Promise.all([signUp(url), signUp(url)]);
    const group = { kind: "group", name: "Handed", memberIds: [minh.id] };
    // Whose it was may do so no more.
    const id = () => converse(url, token, group);
    return { anew: async () => ({ token, params: { id: await id() }, body: { userId: minh.id } }) };
  },
  listBans: async (world) => {
    const { id, lan, members } = await openRoom(world);
    const path = `/v1/conversations/${id}`;
    // Who is still in the room is not barred from it.
    for (const member of members)
      await each(world.url, [
        [lan, "DELETE", `${path}/members/${member.id}`],
        [lan, "PUT", `${path}/bans/${member.id}`],
      ]);
    return { "two of them": () => ({ token: lan.token, params: { id } }) };
  },
  listBlocks: async ({ url }) => {
    const [lan, minh, an] = await Promise.all([signUp(url), signUp(url), signUp(url)]);
    await each(
      url,
      [minh, an].map(({ id }) => [lan, "PUT", `/v1/me/blocks/${id}`]),
    );
    return { "two of them": () => ({ token: lan.token }) };
  },
  listReports: async (world) => {
    const { id, members, seqs } = await openRoom(world);
    const said = seqs.map((seq) => ({ conversationId: id, seq: Number(seq), reason: "spam" }));
    await each(
      world.url,
      said.map((body) => [members[0], "POST", "/v1/reports", body]),
    );
    const { token } = await signUpAs("moderator", world);
    return { filtered: () => ({ token, query: "?state=open" }) };
  },
};

/** What is asked about messages, and said in answer to them. */
const MESSAGES: Record<string, (world: World) => Promise<Calls>> = {
  sendMessage: async (world) => {
    const { id, lan, seqs } = await openRoom(world);
    const [seq] = seqs.map(Number);
    const attachments = [crypto.randomUUID()];
    const body = () => ({ clientId: crypto.randomUUID(), body: "Good night", attachments });
    const call = (more: object) => () => ({
      token: lan.token,
      params: { id },
      body: { ...body(), ...more },
    });
    return { "in a thread": call({ replySeq: seq, threadSeq: seq }) };
  },
  listEdits: async (world) => {
    const { id, lan, seqs } = await openRoom(world);
    const path = `/v1/conversations/${id}/messages/${seqs[0]}`;
    await each(
      world.url,
      AT_LEAST_TWO.map((_, rev) => [lan, "PATCH", path, { body: `Now ${rev}`, rev }]),
    );
    return { "two of them": () => ({ token: lan.token, params: { id, seq: seqs[0] } }) };
  },
  listReaders: async (world) => {
    const { id, lan, members, seqs } = await openRoom(world);
    const seq = Number(seqs[1]);
    const path = `/v1/conversations/${id}/read`;
    await each(
      world.url,
      members.map((member) => [member, "PUT", path, { seq }]),
    );
    return { "two of them": () => ({ token: lan.token, params: { id, seq: seqs[0] } }) };
  },
  listReactions: async (world) => {
    const { id, lan, members, seqs } = await openRoom(world);
    const path = `/v1/conversations/${id}/messages/${seqs[0]}/reactions/${encodeURIComponent(THUMB)}`;
    await each(
      world.url,
      members.map((member) => [member, "PUT", path]),
    );
    return { "two of them": () => ({ token: lan.token, params: { id, seq: seqs[0] } }) };
  },
  addReaction: reactionCalls,
  removeReaction: reactionCalls,
  listPins: async (world) => {
    const { id, lan, seqs } = await openRoom(world);
    await each(
      world.url,
      seqs.map((seq) => [lan, "PUT", `/v1/conversations/${id}/pins/${seq}`]),
    );
    return { "two of them": () => ({ token: lan.token, params: { id } }) };
  },
  listThreads: async (world) => {
    const { id, lan, seqs } = await openRoom(world);
    for (const seq of seqs) await sayAll(world.url, lan, { id, threadSeq: Number(seq) });
    return { "two of them": () => ({ token: lan.token, params: { id } }) };
  },
  listThreadMessages: async (world) => {
    const { id, lan, seqs } = await openRoom(world);
    await sayAll(world.url, lan, { id, threadSeq: Number(seqs[0]) });
    return { "two of them": () => ({ token: lan.token, params: { id, seq: seqs[0] } }) };
  },
  searchMessages: async (world) => {
    const { id, lan } = await openRoom(world);
    const query = `${filtersOf(lan)}&conversationId=${id}`;
    const everywhere = { token: lan.token, query: "?q=good" };
    return { filtered: () => ({ token: lan.token, query }), everywhere: () => everywhere };
  },
  searchConversation: async (world) => {
    const { id, lan } = await openRoom(world);
    return { filtered: () => ({ token: lan.token, params: { id }, query: filtersOf(lan) }) };
  },
};

/** Added or taken away again, the answer stays the same. */
async function reactionCalls(world: World): Promise<Calls> {
  const { id, lan, seqs } = await openRoom(world);
  return { again: () => ({ token: lan.token, params: { id, seq: seqs[0], emoji: THUMB } }) };
}

/** Every filter of a search, which leaves what one person said in the room. */
function filtersOf({ id }: Person): string {
  return `?q=good&from=${id}&after=2020-01-01T00:00:00.000Z&before=2100-01-01T00:00:00.000Z&sort=newest`;
}

/** The calls of chat that need more around them than those of the access table. */
export const CHAT = { ...ROOMS, ...MESSAGES };
