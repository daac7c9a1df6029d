import { afterAll, beforeAll, expect, test } from "bun:test";

import type postgres from "postgres";

import { openTestDatabase, type TestDatabase } from "../../support/database.ts";

const USERS = 200;
const CONVERSATIONS = 1_000;
const MESSAGES = 20_000;
/** More than any of these statements needs, and far less than a scan of the messages touches. */
const MAX_BUFFERS = 400;

const lan = "00000001-0000-7000-8000-000000000002";

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
  // Rows that are made here need nobody to look whether the rows exist that they refer to.
  await database.sql.unsafe(`
    set session_replication_role = replica;
    create function pg_temp.id(kind int, n int) returns uuid language sql as
      $$ select ('0000000' || kind || '-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
    insert into app.users select pg_temp.id(1, n), 'Someone', now() from generate_series(1, ${MESSAGES}) n;
    insert into app.accounts (user_id, email) select id, id || '@example.com' from app.users;
    insert into app.sessions (id, user_id, refresh_key, refreshed_at, created_at, expires_at)
      select pg_temp.id(3, n), pg_temp.id(1, n), '\\x01', now(), now(), now() + '1 day'
      from generate_series(1, ${MESSAGES}) n;
    insert into app.sessions (id, user_id, refresh_key, refreshed_at, created_at, expires_at, revoked_at)
      select gen_random_uuid(), '${lan}', '\\x01', now(), now(), now() + '1 day', now()
      from generate_series(1, ${MESSAGES}) n;
    insert into app.conversations (id, kind, created_by, last_seq, last_event_at, created_at)
      select pg_temp.id(2, n), 'group', pg_temp.id(1, 1 + n % ${USERS}), 99, now() - n * interval '1 s', now()
      from generate_series(1, ${MESSAGES}) n;
    insert into app.conversation_members
      select pg_temp.id(2, n), pg_temp.id(1, 1 + (n + k) % ${USERS}), 'member', 1, null
      from generate_series(1, ${MESSAGES}) n, generate_series(0, 1) k;
    insert into app.messages
      select gen_random_uuid(), pg_temp.id(2, 1 + n % ${CONVERSATIONS}), 1 + n / ${CONVERSATIONS}, 1 + n / ${CONVERSATIONS},
        pg_temp.id(1, 1 + n % ${USERS}), gen_random_uuid(), 'hello', now()
      from generate_series(1, ${MESSAGES}) n;
    insert into app.conversation_events (conversation_id, seq, kind, actor_id, created_at)
      select pg_temp.id(2, 1 + n % ${CONVERSATIONS}), 1000 + n / ${CONVERSATIONS}, 'member', pg_temp.id(1, 1 + n % ${USERS}), now()
      from generate_series(1, ${MESSAGES}) n;
    insert into app.audit_entries (id, user_id, actor_id, action, created_at)
      select gen_random_uuid(), pg_temp.id(1, 1 + n % 500), null, 'auth.login', now() from generate_series(1, ${MESSAGES}) n;
    reset session_replication_role; analyze`);
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

interface Node {
  "Node Type": string;
  "Relation Name"?: string;
  "Shared Hit Blocks": number;
  "Shared Read Blocks": number;
  Plans?: Node[];
}

const team = "00000002-0000-7000-8000-000000000001";
const sent = `with member as materialized (
    select conversation_id from app.conversation_members
    where conversation_id = '${team}' and user_id = '${lan}' and left_seq is null for share
  ), bumped as (
    update app.conversations c set last_seq = c.last_seq + 1, last_no = c.last_no + 1, last_event_at = now()
    where c.id = (select conversation_id from member) returning c.id, c.last_seq as seq, c.last_no as no
  ), stored as (
    insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at)
    select gen_random_uuid(), b.id, b.no, b.seq, '${lan}', gen_random_uuid(), 'x', now() from bumped b returning id
  ) select id from stored`;

/** The statements that are run most, as the services write them. */
const HOT: [what: string, role: string, statement: string][] = [
  [
    "a page of messages",
    "app",
    `select * from app.messages where conversation_id = '${team}' and seq < 90 order by seq desc limit 21`,
  ],
  ["the role in a conversation", "app", `select app.conversation_role('${team}')`],
  [
    "what was missed",
    "app",
    `(select seq, body from app.messages where conversation_id = '${team}' and seq > 3 order by seq limit 101)
       union all (select seq, kind from app.conversation_events
         where conversation_id = '${team}' and seq > 3 order by seq limit 101) order by seq limit 101`,
  ],
  ["a message that is sent", "app", sent],
  ["one's own account", "app", `select email from app.accounts where user_id = '${lan}'`],
  [
    "one's own sessions",
    "app",
    `select id, last_seen_at from app.sessions where user_id = '${lan}' and revoked_at is null`,
  ],
  [
    "one's own log",
    "app",
    `select * from app.audit_entries where user_id = '${lan}' order by created_at desc, id desc limit 21`,
  ],
  [
    "a session with its account",
    "auth",
    `select a.email, u.display_name from app.sessions s join app.accounts a on a.user_id = s.user_id
       join app.users u on u.id = s.user_id where s.id = '00000003-0000-7000-8000-000000000002'
       and s.user_id = '${lan}' and s.revoked_at is null and s.expires_at > now()`,
  ],
  [
    "the living sessions of somebody who has ended many",
    "auth",
    `select id from app.sessions where user_id = '${lan}' and revoked_at is null and expires_at > now()
       order by last_seen_at desc, id desc offset 20`,
  ],
  [
    "sessions that ended long ago",
    "system",
    `select id from app.sessions where least(revoked_at, expires_at) < now() - interval '30 days' limit 1000`,
  ],
  [
    "the account of an address",
    "auth",
    `select user_id, password_hash from app.accounts where email = '${lan}@example.com'`,
  ],
];

/** A list of conversations looks at each membership of the user, and at no row of anybody else's. */
const CONVERSATION_LIST = `select c.* from app.conversation_members m join app.conversations c on c.id = m.conversation_id
  where m.user_id = '${lan}' and m.left_seq is null order by c.last_event_at desc, c.id desc limit 21`;

async function planOf(
  role: string,
  statement: string,
): Promise<{ nodes: Node[]; buffers: number }> {
  const connection: postgres.ReservedSql = await database.sql.reserve();
  try {
    await connection
      .unsafe(
        `begin; set local role frm_${role}; set local request.jwt.claims = '{"sub":"${lan}","role":"app"}'`,
      )
      .simple();
    const [row] = await connection.unsafe<{ "QUERY PLAN": [{ Plan: Node }] }[]>(
      `explain (analyze, buffers, timing off, format json) ${statement}`,
    );
    if (!row) throw new Error("Cannot read a plan: there is none");
    const [{ Plan }] = row["QUERY PLAN"];
    const nodes = nodesOf(Plan);
    return { nodes, buffers: Plan["Shared Hit Blocks"] + Plan["Shared Read Blocks"] };
  } finally {
    await connection`rollback`;
    connection.release();
  }
}

function nodesOf(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

function listScans(nodes: Node[]): string[] {
  return nodes
    .filter((node) => node["Node Type"] === "Seq Scan")
    .map((node) => `Seq Scan on ${node["Relation Name"]}`);
}

test.each(HOT)("%s (%s) is found by indexes, policies included", async (_, role, statement) => {
  const { nodes, buffers } = await planOf(role, statement);
  expect(listScans(nodes)).toEqual([]);
  expect(buffers).toBeLessThan(MAX_BUFFERS);
});

test("one's conversations are found through one's memberships", async () => {
  const { nodes } = await planOf("app", CONVERSATION_LIST);
  expect(listScans(nodes)).toEqual([]);
});

test("a statement without an index is noticed", async () => {
  const { nodes } = await planOf("app", "select * from app.messages where body = 'x'");
  expect(listScans(nodes)).toContain("Seq Scan on messages");
});
