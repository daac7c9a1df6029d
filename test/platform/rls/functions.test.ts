import { afterAll, beforeAll, expect, test } from "bun:test";

import { actAs, type Actor, attemptUnder, SERVING_ROLES } from "./cells.ts";
import { openWorld, withIds, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

/** Where the temporary schema is not named last it comes first, with whatever types somebody has made in it. */
const PATH = "search_path=pg_catalog, pg_temp";

interface Known {
  name: string;
  definer: boolean;
  path: string | null;
  parsed: boolean;
  roles: string[];
  /** How it is called, where its types alone do not say so. */
  call?: string;
}

function definer(name: string, call?: string): Known {
  const known = { name, definer: true, path: PATH, parsed: false, roles: ["app"] };
  return call === undefined ? known : { ...known, call };
}

/** A definer runs as its owner, so each is a hole in the policies, and here is why it must be one. */
const FUNCTIONS: Known[] = [
  definer("conversation_permissions(uuid)"),
  definer("conversation_role(uuid)"),
  definer("count_readers(uuid,bigint,uuid)", "app.count_readers(:team, 1, :lan)"),
  definer(
    "find_messages(uuid,text[],text,text[],text[],uuid,timestamp with time zone,timestamp with time zone,uuid,integer)",
    "count(*) from app.find_messages(:team, '{x}', null, '{}', '{}', null, null, null, null, 1)",
  ),
  definer("give_permissions(uuid,integer,integer)", "app.give_permissions(:team, 2, 2)"),
  definer("index_message(uuid,bigint)", "app.index_message(:team, 1)"),
  definer("is_blocked(uuid)"),
  definer("public_reads(uuid)", "count(*) from app.public_reads(:team)"),
  {
    name: "search_term(uuid,text)",
    definer: false,
    path: null,
    parsed: true,
    roles: ["app"],
    call: "app.search_term(:team, 'x')",
  },
  {
    name: "search_terms(uuid,text)",
    definer: false,
    path: null,
    parsed: true,
    roles: ["app", "system"],
    call: "app.search_terms(:team, 'x')",
  },
  {
    name: "search_words(text)",
    definer: false,
    path: null,
    parsed: true,
    roles: ["app", "system"],
    call: "app.search_words('x')",
  },
  definer("settle_block(uuid)"),
  definer("staff_role()"),
  // What was parsed when it was made does not depend on any path, and without one it is put into the policies.
  { name: "user_id()", definer: false, path: null, parsed: true, roles: [...SERVING_ROLES] },
];

test("our functions are those that are known, with a fixed path, and definers serve one role alone", async () => {
  const found = await world.sql`
    select p.oid::regprocedure::text as name, p.prosecdef as definer, p.proconfig[1] as path,
      p.prosqlbody is not null as parsed
    from pg_proc p where p.pronamespace = 'app'::regnamespace order by 1`;
  expect([...found]).toEqual(
    FUNCTIONS.map(({ name, definer, path, parsed }) => ({
      name: `app.${name}`,
      definer,
      path,
      parsed,
    })),
  );
  for (const { name, roles, call: written } of FUNCTIONS)
    for (const role of SERVING_ROLES) {
      const call = `select ${written ?? `app.${name.replace("uuid", ":team")}`}`;
      const outcome = await attemptUnder(world.sql, `set local role frm_${role}`, withIds(call));
      expect({ name, role, outcome }).toEqual({
        name,
        role,
        outcome: roles.includes(role) ? 1 : "denied",
      });
    }
});

test("no trigger, rule or default privilege works behind the policies, and nothing of ours is elsewhere", async () => {
  const [found] = await world.sql`
    select
      (select count(*) from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace = 'app'::regnamespace and not t.tgisinternal)::int as triggers,
      (select count(*) from pg_rules where schemaname = 'app')::int as rules,
      (select count(*) from pg_default_acl)::int as defaults,
      (select count(*) from pg_proc where proowner = 'frm_owner'::regrole
        and pronamespace <> 'app'::regnamespace)::int as elsewhere,
      (select count(*) from pg_proc where pronamespace = 'app'::regnamespace
        and proowner <> 'frm_owner'::regrole)::int as foreign`;
  expect({ ...found }).toEqual({ triggers: 0, rules: 0, defaults: 0, elsewhere: 0, foreign: 0 });
});

const ANSWERS: [Actor, string, string | number | null][] = [
  ["lan", "conversation_role(:team)", "owner"],
  ["minh", "conversation_role(:team)", "admin"],
  ["hoa", "conversation_role(:team)", "member"],
  ["hoa", "conversation_role(:pair)", "member"],
  ["lan", "conversation_role(:pair)", null],
  ["quan", "conversation_role(:team)", null],
  ["eve", "conversation_role(:eves_new)", null],
  ["nobody", "conversation_role(:team)", null],
  ["kim", "conversation_permissions(:team)", 39],
  ["kim", "conversation_permissions(:desk)", null],
  ["hoa", "count_readers(:team, 0, :minh)", 2],
  ["hoa", "count_readers(:team, 6, :minh)", 0],
  ["quan", "count_readers(:team, 0, :quan)", 0],
  ["nobody", "count_readers(:team, 0, :quan)", 0],
  ["mai", "count_readers(:desk, 0, :mai)", 0],
  // Only by those who may change the settings, and nothing that plain members cannot have.
  ["lan", "give_permissions(:team, 2, 2)", 1],
  ["minh", "give_permissions(:team, 2, 2)", 1],
  ["lan", "give_permissions(:team, 64, 2)", 0],
  ["lan", "give_permissions(:team, 2, 256)", 0],
  ["hoa", "give_permissions(:team, 2, 2)", 0],
  ["lan", "give_permissions(:pair, 2, 2)", 0],
  ["lan", "give_permissions(:eves_club, 2, 2)", 0],
  ["quan", "give_permissions(:team, 2, 2)", 0],
  ["nobody", "give_permissions(:team, 2, 2)", 0],
  ["lan", "staff_role()", null],
  ["mai", "staff_role()", "moderator"],
  ["anh", "staff_role()", "admin"],
  ["tung", "staff_role()", null],
  ["nobody", "staff_role()", null],
];

test.each(ANSWERS)("for %s %s is %p", async (actor, call, answer) => {
  const connection = await world.sql.reserve();
  try {
    await connection.unsafe(`begin; ${actAs(actor)}`).simple();
    const [row] = await connection.unsafe(withIds(`select app.${call} as answer`));
    expect(row?.["answer"]).toBe(answer);
  } finally {
    await connection.unsafe("rollback").simple();
    connection.release();
  }
});

const SPY = `
  create function pg_temp.spy(pg_catalog.text) returns pg_catalog.bool language plpgsql as $$
    begin
      if current_user = 'frm_owner' then raise exception 'acting as the owner' using errcode = 'FRM01'; end if;
      return true;
    end $$;
  create domain pg_temp.uuid as pg_catalog.uuid check (pg_temp.spy(value::pg_catalog.text));
  create domain pg_temp.jsonb as pg_catalog.jsonb check (pg_temp.spy(value::pg_catalog.text));
  create domain pg_temp.text as pg_catalog.text check (pg_temp.spy(value));
  create temp table conversation_members (role pg_catalog.text);
  create temp table accounts (role pg_catalog.text)`;

test.each([
  "conversation_role(:team)",
  "staff_role()",
  "user_id()",
  "is_blocked(:hoa)",
  "count_readers(:team, 1, :lan)",
  "give_permissions(:team, 2, 2)",
  "settle_block(:hoa)",
  "index_message(:team, 1)",
  "find_messages(null, '{hello}', null, '{}', '{}', null, null, null, null, 5)",
])("types, tables and checks of one's own never run as the owner inside %s", async (call) => {
  const statement = withIds(`select app.${call}`).replaceAll("::uuid", "::pg_catalog.uuid");
  expect(await attemptUnder(world.sql, `${actAs("lan")}; ${SPY}`, statement)).toBe(1);
});

const BLOCKED: [Actor, string, boolean][] = [
  ["lan", ":quan", true],
  ["quan", ":lan", true],
  ["lan", ":minh", true],
  ["minh", ":lan", true],
  ["quan", ":minh", false],
  ["hoa", ":lan", false],
  ["lan", ":hoa", false],
  ["lan", ":lan", false],
  ["nobody", ":lan", false],
];

test.each(BLOCKED)("for %s a block between them and %s is there: %p", async (actor, other, is) => {
  const connection = await world.sql.reserve();
  try {
    await connection.unsafe(`begin; ${actAs(actor)}`).simple();
    const [row] = await connection.unsafe(withIds(`select app.is_blocked(${other}) as blocked`));
    expect(row?.["blocked"]).toBe(is);
  } finally {
    await connection.unsafe("rollback").simple();
    connection.release();
  }
});

/** Positions in the team and the pair at which somebody finds a word that stands in all messages of the world. */
const FOUND: [Actor, string, number][] = [
  ["lan", "'{hello}', null", 1],
  ["lan", "null, 'b'", 1],
  // Before Hoa came in, Quan had said that.
  ["hoa", "null, 'b'", 0],
  ["hoa", "'{secret}', null", 1],
  ["lan", "'{secret}', null", 0],
  ["quan", "null, 'b'", 0],
  ["eve", "'{hello}', null", 0],
  ["nobody", "'{hello}', null", 0],
];

test.each(FOUND)("%s who looks for %s finds %p", async (actor, words, found) => {
  const statement = `select * from app.find_messages(null, ${words}, '{}', '{}', null, null, null, null, 5)`;
  expect(await attemptUnder(world.sql, actAs(actor), statement)).toBe(found);
});

test("only who is one of two settles what is between them, and nobody else's permissions change", async () => {
  const connection = await world.sql.reserve();
  const read = async () => {
    await connection.unsafe("reset role").simple();
    const rows = await connection.unsafe(
      "select permissions from app.conversation_members order by conversation_id, user_id",
    );
    return JSON.stringify(rows);
  };
  try {
    await connection.unsafe("begin").simple();
    const before = await read();
    for (const actor of ["lan", "quan", "eve", "nobody"] as const) {
      await connection.unsafe(`${actAs(actor)}`).simple();
      await connection.unsafe(withIds("select app.settle_block(:hoa), app.settle_block(:minh)"));
    }
    expect(await read()).toBe(before);
    await connection.unsafe(withIds("insert into app.blocks values (:hoa, :minh, now())"));
    await connection.unsafe(`${actAs("hoa")}`).simple();
    await connection.unsafe(withIds("select app.settle_block(:minh)"));
    const after = JSON.parse(await read()) as { permissions: number }[];
    const wasBefore = JSON.parse(before) as { permissions: number }[];
    expect(
      after.filter((_, at) => after[at]?.permissions !== wasBefore[at]?.permissions),
    ).toHaveLength(2);
  } finally {
    await connection.unsafe("rollback").simple();
    connection.release();
  }
});

test.each([
  ["hoa", "lan 6, minh 0, hoa 0, kim 0"],
  ["quan", ""],
  ["nobody", ""],
] as const)("for %s the public reads of the team are %p", async (actor, expected) => {
  const connection = await world.sql.reserve();
  try {
    await connection.unsafe("begin").simple();
    await connection.unsafe(
      withIds("update app.conversation_states set public_read_seq = 6 where user_id = :lan"),
    );
    await connection.unsafe(actAs(actor)).simple();
    const names =
      "case user_id when :lan then 'lan' when :minh then 'minh' when :hoa then 'hoa' when :kim then 'kim' end";
    const rows = await connection.unsafe(
      withIds(`select ${names} as name, seq from app.public_reads(:team) order by user_id`),
    );
    expect(rows.map((row) => `${row["name"]} ${row["seq"]}`).join(", ")).toBe(expected);
  } finally {
    await connection.unsafe("rollback").simple();
    connection.release();
  }
});
