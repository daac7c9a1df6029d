import { afterAll, beforeAll, expect, test } from "bun:test";

import { openTestDatabase, type TestDatabase } from "../../support/database.ts";

const OTHERS_MESSAGES = 100_000;
const OWN_MESSAGES = 1_000;
/** Pages that a search of one small conversation may touch; a look at every message would touch thousands. */
const MAX_BUFFERS = 1_000;
/** Far more than it takes, and far less than reading what others have said. */
const MAX_MS = 500;
const HUNDRED_THOUSAND_ROWS_MS = 120_000;

const lan = "00000001-0000-7000-8000-000000000001";
const own = "00000002-0000-7000-8000-00000000a001";

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
  await database.sql.unsafe(`
    set session_replication_role = replica;
    insert into app.users values ('${lan}', 'Lan', now());
    insert into app.conversations (id, kind, created_by, last_seq, last_event_at, created_at)
      values ('${own}', 'group', '${lan}', 9, now(), now());
    insert into app.conversation_members (conversation_id, user_id, role, joined_seq)
      values ('${own}', '${lan}', 'member', 1);
    insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at)
      select gen_random_uuid(), ('00000002-0000-7000-8000-0000000b' || lpad(to_hex(n % 50), 4, '0'))::uuid, n, n, '${lan}',
        gen_random_uuid(), 'cổ phiếu ' || n, now() from generate_series(1, ${OTHERS_MESSAGES}) n;
    insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at)
      select gen_random_uuid(), '${own}', n, n, '${lan}', gen_random_uuid(),
        case when n % 10 = 0 then 'cổ phiếu ' else 'chứng khoán ' end || n, now()
      from generate_series(1, ${OWN_MESSAGES}) n;
    insert into app.message_words (conversation_id, message_seq, message_id, created_at, words)
      select conversation_id, seq, id, created_at, app.search_terms(conversation_id, body) from app.messages;
    insert into app.search_states (conversation_id, indexed_seq)
      select conversation_id, max(seq) from app.messages group by conversation_id;
    reset session_replication_role; analyze`);
}, HUNDRED_THOUSAND_ROWS_MS);
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

interface Plan {
  "Actual Rows": number;
  "Shared Hit Blocks": number;
  "Shared Read Blocks": number;
}

async function explain(call: string): Promise<Plan & { ms: number }> {
  const connection = await database.sql.reserve();
  try {
    await connection
      .unsafe(
        `begin; set local role frm_app; set local request.jwt.claims = '{"sub":"${lan}","role":"app"}'`,
      )
      .simple();
    const [row] = await connection.unsafe<
      { "QUERY PLAN": [{ Plan: Plan; "Execution Time": number }] }[]
    >(`explain (analyze, buffers, timing off, format json) select * from ${call}`);
    if (!row) throw new Error("Cannot read a plan: there is none");
    const [{ Plan: plan, "Execution Time": ms }] = row["QUERY PLAN"];
    return { ...plan, ms };
  } finally {
    await connection`rollback`;
    connection.release();
  }
}
const found = (words: string, stem: string, more = "'{}', '{}'") =>
  `app.find_messages(null, ${words}, ${stem}, ${more}, null, null, null, null, 21)`;

test.each([
  ["two words that everybody uses", found("'{co,phieu}'", "null")],
  ["a beginning that everybody uses", found("'{}'", "'c'")],
  ["a phrase", found("'{co,phieu}'", "null", "'{% co phieu %}', '{}'")],
])(
  "%s are looked for in one's own conversations alone, 100,000 messages of others aside",
  async (_, call) => {
    const plan = await explain(call);
    expect(plan["Actual Rows"]).toBe(21);
    expect(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]).toBeLessThan(MAX_BUFFERS);
    expect(plan.ms).toBeLessThan(MAX_MS);
  },
);

test("without the index the same search would read everything, which these bounds notice", async () => {
  const connection = await database.sql.reserve();
  try {
    await connection.unsafe("begin; drop index app.message_words_search").simple();
    await connection.unsafe(`set local request.jwt.claims = '{"sub":"${lan}","role":"app"}'`);
    const [row] = await connection.unsafe<{ "QUERY PLAN": [{ Plan: Plan }] }[]>(
      `explain (analyze, buffers, timing off, format json) select * from ${found("'{co,phieu}'", "null")}`,
    );
    const plan = row?.["QUERY PLAN"][0].Plan;
    const buffers = (plan?.["Shared Hit Blocks"] ?? 0) + (plan?.["Shared Read Blocks"] ?? 0);
    expect(buffers).toBeGreaterThan(MAX_BUFFERS);
  } finally {
    await connection`rollback`;
    connection.release();
  }
});
