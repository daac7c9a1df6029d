import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { eventsOf, openSocket } from "../../support/socket.ts";

let cluster: Cluster;
let first: Instance;
let second: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  [first, second] = await Promise.all([cluster.start(), cluster.start()]);
}, 120_000);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const RANKS = ["owner", "admin", "moderator", "member", "reader"] as const;
type Rank = (typeof RANKS)[number];

function at(path: string): string {
  return `${first.url}/v1/conversations/${path}`;
}

async function give(by: Person, path: string, role: string): Promise<number> {
  return (await call("PATCH", at(path), { token: by.token, body: { role } })).status;
}

/** A group with two of each role but the owner, of whom there is one. */
async function stage() {
  const owner = await signUp(first.url, "Owner");
  const others = await Promise.all(Array.from({ length: 8 }, () => signUp(first.url)));
  const memberIds = others.map(({ id }) => id);
  const group = await converse(first.url, owner.token, { kind: "group", name: "VN30", memberIds });
  const people = Object.fromEntries(
    RANKS.slice(1).map((rank, n) => [rank, others.slice(n * 2, n * 2 + 2)]),
  ) as Record<Exclude<Rank, "owner">, [Person, Person]>;
  for (const rank of ["admin", "moderator", "reader"] as const)
    for (const person of people[rank])
      expect(await give(owner, `${group}/members/${person.id}`, rank)).toBe(204);
  return { owner, group, people: { ...people, owner: [owner, owner] as const } };
}

async function rolesIn(group: string, by: Person): Promise<Record<string, string>> {
  const { body } = await call("GET", at(`${group}/members?limit=100`), { token: by.token });
  const items = body["items"] as { userId: string; role: string }[];
  return Object.fromEntries(items.map(({ userId, role }) => [userId, role]));
}

function say(group: string, by: Person, url = first.url) {
  const body = { clientId: crypto.randomUUID(), body: "Good morning" };
  return call("POST", `${url}/v1/conversations/${group}/messages`, { token: by.token, body });
}

test("everybody changes those below them, to what is below them, and nobody else", async () => {
  const { owner, group, people } = await stage();
  const changers: Rank[] = ["owner", "admin", "moderator"];
  for (const acting of RANKS)
    for (const target of RANKS)
      for (const role of RANKS.slice(1)) {
        const [actor] = people[acting];
        const member = acting === target ? people[target][1] : people[target][0];
        const before = await rolesIn(group, owner);
        const allowed =
          changers.includes(acting) &&
          RANKS.indexOf(acting) < RANKS.indexOf(target) &&
          RANKS.indexOf(acting) < RANKS.indexOf(role);
        const status = await give(actor, `${group}/members/${member.id}`, role);
        expect({ acting, target, role, status }).toEqual({
          acting,
          target,
          role,
          status: allowed ? 204 : 403,
        });
        const after = await rolesIn(group, owner);
        expect(after[member.id]).toBe(allowed ? role : before[member.id]);
        if (allowed) expect(await give(owner, `${group}/members/${member.id}`, target)).toBe(204);
      }
  // An owner is made by handing over, never by a role.
  expect(await give(owner, `${group}/members/${people.admin[0].id}`, "owner")).toBe(422);
}, 60_000);

test("only those who may remove members take out those below them, and no other", async () => {
  const { owner, group, people } = await stage();
  const out = async (by: Person, member: Person) =>
    (await call("DELETE", at(`${group}/members/${member.id}`), { token: by.token })).status;
  expect(await out(people.moderator[0], people.admin[0])).toBe(403);
  expect(await out(people.moderator[0], people.moderator[1])).toBe(403);
  expect(await out(people.admin[0], people.admin[1])).toBe(403);
  expect(await out(people.admin[0], owner)).toBe(403);
  expect(await out(people.member[0], people.reader[0])).toBe(403);
  expect(Object.keys(await rolesIn(group, owner))).toHaveLength(9);
  expect(await out(people.moderator[0], people.member[1])).toBe(204);
  expect(await out(people.admin[0], people.moderator[1])).toBe(204);
  expect(await out(people.reader[1], people.reader[1])).toBe(204);
  expect(Object.keys(await rolesIn(group, owner))).toHaveLength(6);
}, 30_000);

test("who is silenced on one instance sends nothing on another, sees the event, and stays silent after coming back", async () => {
  const { owner, group, people } = await stage();
  const [loud] = people.member;
  const socket = await openSocket(second.url, loud.token);
  expect((await say(group, loud, second.url)).status).toBe(201);
  expect(await give(people.moderator[0], `${group}/members/${loud.id}`, "reader")).toBe(204);
  const refused = await say(group, loud, second.url);
  expect(refused.status).toBeGreaterThanOrEqual(403);
  socket.send({ t: "send", i: 9, ch: `c:${group}`, cid: crypto.randomUUID(), body: "hello" });
  await socket.next((frame) => frame.t === "err" && frame.i === 9, "the refusal");
  const told = await socket.next((frame) => frame.k === "role" && frame.d?.["userId"] === loud.id);
  expect(told.d).toEqual({ userId: loud.id, role: "reader", actorId: people.moderator[0].id });
  await call("DELETE", at(`${group}/members/${loud.id}`), { token: loud.token });
  await call("PUT", at(`${group}/members/${loud.id}`), { token: owner.token });
  expect((await rolesIn(group, owner))[loud.id]).toBe("reader");
  expect((await say(group, loud)).status).toBeGreaterThanOrEqual(403);
  // The others still hear of each other.
  expect((await say(group, people.member[1])).status).toBe(201);
  expect(eventsOf(socket, group).filter(({ d }) => d?.body === "hello")).toEqual([]);
}, 30_000);

test("an owner hands over to a member and is an admin, at once and told as two events", async () => {
  const { owner, group, people } = await stage();
  const [heir] = people.member;
  const socket = await openSocket(second.url, heir.token);
  const hand = (by: Person, userId: string) =>
    call("POST", at(`${group}/owner`), { token: by.token, body: { userId } });
  expect((await hand(people.admin[0], heir.id)).status).toBe(403);
  expect((await hand(owner, crypto.randomUUID())).status).toBe(404);
  expect((await hand(owner, heir.id)).status).toBe(204);
  const roles = await rolesIn(group, owner);
  expect([roles[heir.id], roles[owner.id]]).toEqual(["owner", "admin"]);
  await socket.next((frame) => frame.k === "role" && frame.d?.["userId"] === owner.id);
  const told = eventsOf(socket, group).filter(({ k }) => k === "role");
  expect(told.slice(-2).map(({ d }) => [d?.["userId"], d?.["role"]])).toEqual([
    [heir.id, "owner"],
    [owner.id, "admin"],
  ]);
  expect((await hand(owner, owner.id)).status).toBe(403);
  const left = await call("DELETE", at(`${group}/members/${heir.id}`), { token: heir.token });
  expect(left.body["code"]).toBe("last_owner");
}, 30_000);

test("two owners cannot come of two handovers at once, and none of a handover and a leave", async () => {
  const { owner, group, people } = await stage();
  const heirs = [...people.admin, ...people.member];
  const [...answers] = await Promise.all([
    ...heirs.map((heir) =>
      call("POST", at(`${group}/owner`), { token: owner.token, body: { userId: heir.id } }),
    ),
    ...heirs.map((heir) =>
      call("DELETE", at(`${group}/members/${heir.id}`), { token: heir.token }),
    ),
  ]);
  expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
  const [row] = await cluster.database.sql<{ owners: number; members: number; counted: number }[]>`
    select count(*) filter (where m.role = 'owner')::int as owners, count(*)::int as members,
      max(c.member_count) as counted
    from app.conversation_members m join app.conversations c on c.id = m.conversation_id
    where c.id = ${group} and m.left_seq is null`;
  expect(row?.owners).toBe(1);
  expect(row?.counted).toBe(row?.members ?? -1);
}, 30_000);
