import { afterAll, beforeAll, expect, test } from "bun:test";

import fc from "fast-check";

import { call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openSocket, type TestSocket } from "../../support/socket.ts";

let cluster: Cluster;
let instances: [Instance, Instance];

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  instances = await Promise.all([cluster.start(), cluster.start()]);
}, 120_000);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const PEOPLE = 3;
const RUNS = 6;

type Act = { who: number; at: 0 | 1 } & (
  | { does: "send" | "leave" | "delete" | "nameAll" | "inThread" }
  | { does: "name"; whom: number }
  | { does: "read"; seq: number; hidden: boolean; bySocket: boolean }
  | { does: "unread"; seq: number }
);

const who = { who: fc.nat(PEOPLE - 1), at: fc.constantFrom(0 as const, 1 as const) };
const seq = fc.integer({ min: 1, max: 40 });
const ACT: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ ...who, does: fc.constant("send" as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      ...who,
      does: fc.constantFrom(
        "leave" as const,
        "delete" as const,
        "nameAll" as const,
        "inThread" as const,
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      ...who,
      does: fc.constant("name" as const),
      whom: fc.nat(PEOPLE - 1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      ...who,
      does: fc.constant("read" as const),
      seq,
      hidden: fc.boolean(),
      bySocket: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ ...who, does: fc.constant("unread" as const), seq }) },
);

interface Stage {
  people: Person[];
  group: string;
  sockets: TestSocket[];
}

async function stage(): Promise<Stage> {
  const people = await Promise.all(Array.from({ length: PEOPLE }, () => signUp(instances[0].url)));
  const [owner] = people;
  const group = await converse(instances[0].url, owner?.token ?? "", {
    kind: "group",
    name: "VN30",
    memberIds: people.map(({ id }) => id),
  });
  const sockets = await Promise.all(
    people.map(({ token }, n) => openSocket(instances[n % 2 ? 1 : 0].url, token)),
  );
  return { people, group, sockets };
}

let frameNumber = 10;

async function perform(at: Stage, act: Act): Promise<void> {
  const person = at.people[act.who];
  const base = `${instances[act.at].url}/v1/conversations/${at.group}`;
  const token = person?.token ?? "";
  if (act.does === "read") return await read(at, act);
  if (act.does === "unread")
    return void (await call("POST", `${base}/unread`, { token, body: { seq: act.seq } }));
  if (act.does === "leave")
    return await leaveForAMoment(at, `${base}/members/${person?.id}`, token);
  if (act.does === "delete") return await deleteFirst(at, person?.id ?? "");
  const body = { clientId: crypto.randomUUID(), body: "Good morning" };
  const said = (await call("POST", `${base}/messages`, { token, body })).body["id"];
  if (typeof said === "string") await mark(at, act, said);
}

async function leaveForAMoment({ people }: Stage, member: string, token: string): Promise<void> {
  const left = await call("DELETE", member, { token });
  if (left.status === 204) await call("PUT", member, { token: people[0]?.token ?? "" });
}

/** Straight in the rows: how messages come to name people, or to stand in threads, is not what is tested here. */
async function mark({ people }: Stage, act: Act, id: string): Promise<void> {
  const { sql } = cluster.database;
  if (act.does === "nameAll")
    await sql`update app.messages set mentions_all = true where id = ${id}`;
  if (act.does === "inThread") await sql`update app.messages set thread_seq = 1 where id = ${id}`;
  if (act.does === "name")
    await sql`insert into app.message_mentions (conversation_id, user_id, message_seq)
      select conversation_id, ${people[act.whom]?.id ?? ""}, seq from app.messages where id = ${id}`;
}

async function deleteFirst({ group }: Stage, senderId: string): Promise<void> {
  await cluster.database.sql`update app.messages set deleted_at = now(), body = '' where id = (
    select id from app.messages where conversation_id = ${group} and sender_id = ${senderId}
      and deleted_at is null order by seq limit 1)`;
}

async function read({ people, group, sockets }: Stage, act: Act & { does: "read" }): Promise<void> {
  const token = people[act.who]?.token ?? "";
  if (!act.bySocket) {
    const body = { seq: act.seq, private: act.hidden };
    const url = `${instances[act.at].url}/v1/conversations/${group}/read`;
    return void (await call("PUT", url, { token, body }));
  }
  const i = (frameNumber += 1);
  sockets[act.who]?.send({ t: "read", i, ch: `c:${group}`, seq: act.seq, priv: act.hidden });
  await sockets[act.who]?.next((frame) => frame.t === "ok" && frame.i === i, "the answer");
}

/** Counts anew from the rows, knowing nothing of how the product counts. */
async function recount(
  group: string,
  person: Person,
): Promise<{ unread: number; mentions: number }> {
  const { sql } = cluster.database;
  const [member] = await sql<{ joined: number; read: number | null }[]>`
    select m.joined_seq::int as joined, s.last_read_seq::int as read
    from app.conversation_members m left join app.conversation_states s using (conversation_id, user_id)
    where conversation_id = ${group} and user_id = ${person.id}`;
  const rows = await sql<
    {
      seq: number;
      sender: string;
      everybody: boolean;
      gone: boolean;
      thread: boolean;
      names: string[];
    }[]
  >`
    select seq::int as seq, sender_id as sender, mentions_all as everybody, deleted_at is not null as gone,
      thread_seq is not null as thread, array(select user_id::text from app.message_mentions n
        where n.conversation_id = m.conversation_id and n.message_seq = m.seq) as names
    from app.messages m where conversation_id = ${group}`;
  const read = Math.max(member?.joined ?? 0, member?.read ?? 0);
  const behind = rows.filter((row) => row.seq > read && row.sender !== person.id && !row.gone);
  const unread = behind.filter((row) => !row.thread);
  const mentions = behind.filter((row) => row.everybody || row.names.includes(person.id));
  return { unread: unread.length, mentions: mentions.length };
}

async function expectExact({ people, group }: Stage): Promise<void> {
  for (const person of people) {
    const { token } = person;
    const base = `${instances[1].url}/v1/conversations`;
    const expected = await recount(group, person);
    const one = (await call("GET", `${base}/${group}`, { token })).body;
    expect({ unread: one["unread"], mentions: one["mentions"] }).toEqual(expected);
    const { items } = (await call("GET", base, { token })).body as { items: (typeof one)[] };
    expect(items).toMatchObject([expected]);
    const totals = (await call("GET", `${base}/unread`, { token })).body;
    expect({ unread: totals["unread"], mentions: totals["mentions"] }).toEqual(expected);
  }
}

test("whatever people do, what is unread and what names them is what a recount of the rows says", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(ACT, { minLength: 8, maxLength: 24 }), async (acts) => {
      const at = await stage();
      for (const act of acts) await perform(at, act);
      await expectExact(at);
      for (const socket of at.sockets) socket.close();
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
}, 120_000);

test("what is unread is counted up to a thousand, quickly, however much there is", async () => {
  const { people, group } = await stage();
  const [owner, reader] = people;
  await cluster.database
    .sql`insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at)
    select gen_random_uuid(), ${group}, n, n + 1, ${owner?.id ?? ""}, gen_random_uuid(), 'x', now()
    from generate_series(1, 5000) n`;
  await cluster.database.sql`update app.conversations set last_seq = 5001 where id = ${group}`;
  const url = `${instances[0].url}/v1/conversations`;
  const token = reader?.token ?? "";
  expect((await call("GET", `${url}/${group}`, { token })).body["unread"]).toBe(1_000);
  expect((await call("GET", `${url}/unread`, { token })).body["unread"]).toBe(1_000);
  const read = { token, body: { seq: 4_990 } };
  expect((await call("PUT", `${url}/${group}/read`, read)).body["unread"]).toBe(11);
}, 30_000);
