import { afterAll, beforeAll, expect, test } from "bun:test";

import type postgres from "postgres";

import { actAs, type Actor, attemptUnder, type Outcome } from "./cells.ts";
import { openWorld, withIds, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

/** What a test does in a transaction of which nothing stays. */
interface Play {
  /** As the superuser. */
  change: (statement: string) => Promise<unknown>;
  /** As somebody; how many rows there are. */
  count: (actor: Actor, statement: string) => Promise<number>;
  connection: postgres.ReservedSql;
}

async function play(scene: (play: Play) => Promise<void>): Promise<void> {
  const connection = await world.sql.reserve();
  const change = (statement: string) =>
    connection.unsafe(`reset role; ${withIds(statement)}`).simple();
  try {
    await connection.unsafe("begin").simple();
    await scene({
      connection,
      change,
      count: async (actor, statement) => {
        await connection.unsafe(`reset role; ${actAs(actor)}`).simple();
        return (await connection.unsafe(withIds(statement))).count;
      },
    });
  } finally {
    await connection.unsafe("rollback").simple();
    connection.release();
  }
}

/** The arguments of a search but for how many are wanted: where, words, stem, phrases, excluded, sender, since, until, newest. */
const NARROWED: [Actor, search: string, found: number][] = [
  ["lan", ":team, '{hello}', null, '{% hello %}', '{}', null, null, null, null", 1],
  ["lan", ":team, '{hello}', null, '{% hello there %}', '{}', null, null, null, null", 0],
  ["lan", ":team, '{hello}', null, '{}', '{% there %}', null, null, null, null", 1],
  ["lan", ":team, '{hello}', null, '{}', '{% hello %}', null, null, null, null", 0],
  ["lan", ":team, '{hello}', null, '{}', '{}', :minh, null, null, null", 1],
  ["lan", ":team, '{hello}', null, '{}', '{}', :lan, null, null, null", 0],
  ["lan", ":team, '{hello}', null, '{}', '{}', null, '2020-01-01', null, null", 1],
  ["lan", ":team, '{hello}', null, '{}', '{}', null, '2200-01-01', null, null", 0],
  ["lan", ":team, '{hello}', null, '{}', '{}', null, null, '2200-01-01', null", 1],
  ["lan", ":team, '{hello}', null, '{}', '{}', null, null, '2020-01-01', null", 0],
  ["lan", ":team, '{hello}', null, '{}', '{}', null, null, null, :hello", 1],
  ["lan", ":team, '{hello}', null, '{}', '{}', null, null, null, :lan", 0],
  ["hoa", ":pair, '{secret}', null, '{}', '{}', null, null, null, null", 1],
  ["hoa", ":team, '{secret}', null, '{}', '{}', null, null, null, null", 0],
  // What the index has not come to yet, and what was said before somebody left.
  ["mai", "null, '{noted}', null, '{}', '{}', null, null, null, null", 1],
  ["mai", "null, '{unnoted}', null, '{}', '{}', null, null, null, null", 0],
  ["kim", "null, '{noted}', null, '{}', '{}', null, null, null, null", 0],
  ["kim", "null, '{off}', null, '{}', '{}', null, null, null, null", 0],
];

test.each(NARROWED)("%s who looks for %s finds %p", async (actor, search, found) => {
  const statement = `select * from app.find_messages(${search}, 5)`;
  expect(await attemptUnder(world.sql, actAs(actor), withIds(statement))).toBe(found);
});

const HELLO =
  "select * from app.find_messages(null, '{hello}', null, '{}', '{}', null, null, null, null, 5)";

test("what was deleted is not found, whatever is left of it", async () => {
  await play(async ({ change, count }) => {
    await change(`update app.messages set body = 'hello' where id = :kims_deleted;
      insert into app.message_words select conversation_id, seq, id, created_at,
        app.search_terms(conversation_id, body) from app.messages where id = :kims_deleted`);
    expect(await count("lan", HELLO)).toBe(1);
  });
});

test("a conversation whose words begin like those of another one adds nothing to what is found there", async () => {
  await play(async ({ change, count }) => {
    const other = `('1' || right(:team::text, 35))::uuid`;
    await change(`insert into app.conversations (id, kind, created_by, last_event_at, created_at)
        values (${other}, 'group', :eve, now(), now());
      insert into app.conversation_members (conversation_id, user_id, joined_seq) values (${other}, :eve, 1);
      insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at)
        values (:fresh, ${other}, 1, 3, :eve, :another, 'hello', now());
      insert into app.message_words
        select ${other}, 3, :fresh, now(), app.search_terms(${other}, 'hello');
      insert into app.search_states values (${other}, 3)`);
    expect(await count("lan", HELLO)).toBe(1);
    expect(await count("eve", HELLO)).toBe(1);
  });
});

test("only what somebody may read goes into the index, once the index has come to it, and nothing else changes", async () => {
  await play(async ({ change, count, connection }) => {
    const read = async () => {
      await change("");
      const rows = await connection.unsafe(
        "select conversation_id, message_seq, words::text from app.message_words order by 1, 2",
      );
      return JSON.stringify(rows);
    };
    const before = await read();
    for (const [actor, at] of [
      ["lan", ":team, 6"],
      ["lan", ":team, 5"],
      ["hoa", ":team, 6"],
      ["hoa", ":pair, 6"],
      ["mai", ":desk, 3"],
      ["kim", ":desk, 2"],
      ["kim", ":eves_club, 1"],
      ["quan", ":team, 6"],
      ["quan", ":eves_club, 1"],
    ] as const)
      expect(await count(actor, `select app.index_message(${at})`)).toBe(1);
    await change("update app.messages set body = 'ghost' where id = :kims_deleted");
    await count("lan", "select app.index_message(:team, 2)");
    expect(await read()).toBe(before);
    await change("update app.messages set body = 'hi' where id = :hello");
    await count("lan", "select app.index_message(:team, 6)");
    expect(await read()).not.toBe(before);
    expect(await count("lan", HELLO)).toBe(0);
  });
});

/** Locks the row that says how far the index of a conversation is, or finds it locked. */
function holdState(conversation: string): Promise<Outcome> {
  const statement = `select 1 from app.search_states where conversation_id = ${conversation} for update nowait`;
  return attemptUnder(world.sql, "set local role frm_system", withIds(statement));
}

test("who changes the index of a conversation waits for nobody in another one, and others hold it up for nobody", async () => {
  await play(async ({ count }) => {
    await count("quan", "select app.index_message(:team, 6)");
    expect(await holdState(":team")).toBe(1);
    await count("hoa", "select app.index_message(:team, 6)");
    expect(await holdState(":pair")).toBe(1);
    expect(await holdState(":team")).toBe("55P03");
  });
});

test("what runs as the owner for a member does not say how far the index is", async () => {
  const settings = `${actAs("lan")}; set local role frm_owner`;
  const statement = "update app.search_states set indexed_seq = 9";
  expect(await attemptUnder(world.sql, settings, statement)).toBe("refused");
});

const PUBLIC_READS = "select * from app.public_reads(:team)";

test("how far others have read is told in small conversations, however many have left or are elsewhere", async () => {
  await play(async ({ change, count }) => {
    await change(`with made as (
        insert into app.users select gen_random_uuid(), 'Someone', now() from generate_series(1, 100) returning id
      ), elsewhere as (
        insert into app.conversation_members (conversation_id, user_id, joined_seq) select :desk, id, 1 from made
      ) insert into app.conversation_members (conversation_id, user_id, joined_seq, left_seq)
        select :team, id, 1, 4 from made`);
    expect(await count("hoa", PUBLIC_READS)).toBe(4);
    await change(
      "update app.conversation_members set left_seq = null where conversation_id = :team",
    );
    expect(await count("hoa", PUBLIC_READS)).toBe(0);
  });
});

test("of a message before somebody's time nobody is told that they have read it", async () => {
  await play(async ({ change, count }) => {
    await change(`insert into app.conversation_states (conversation_id, user_id) values (:team, :hoa);
      update app.conversation_states set public_read_seq = 6 where conversation_id = :team`);
    const readers = (message: string, is: number) =>
      count("lan", `select 1 where app.count_readers(:team, ${message}) = ${is}`);
    // Hoa sees what comes from the fourth position on.
    expect(await readers("3, :quan", 3)).toBe(1);
    expect(await readers("4, :quan", 4)).toBe(1);
  });
});

test("a block changes permissions in the conversation of the two alone", async () => {
  await play(async ({ change, count, connection }) => {
    const read = async () => {
      await change("");
      const rows = await connection.unsafe(
        "select conversation_id, user_id, permissions from app.conversation_members order by 1, 2",
      );
      return rows.map((row) => JSON.stringify(row));
    };
    // A group that bears the key of Lan and Hoa as if it were theirs, and what Hoa has with Kim.
    await change(`insert into app.conversations (id, kind, direct_key, created_by, last_event_at, created_at) values
        (:fresh, 'group', concat(:lan, ':', :hoa), :lan, now(), now()),
        (:another, 'direct', concat(:hoa, ':', :kim), :hoa, now(), now());
      insert into app.conversation_members (conversation_id, user_id, joined_seq, permissions) values
        (:fresh, :lan, 1, 7), (:fresh, :hoa, 1, 7), (:another, :hoa, 1, 5), (:another, :kim, 1, 5)`);
    const before = await read();
    await count("lan", "select app.settle_block(:hoa)");
    expect(await read()).toEqual(before);
    await change("insert into app.blocks values (:hoa, :minh, now())");
    await count("hoa", "select app.settle_block(:minh)");
    const after = await read();
    expect(after.filter((row, at) => row !== before[at])).toHaveLength(2);
  });
});
