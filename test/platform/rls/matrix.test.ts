import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import type postgres from "postgres";

import { type Column, listColumns, listTables } from "./catalogue.ts";
import { attempt, attemptUnder, listGrants, refusalOf, SERVING_ROLES } from "./cells.ts";
import { COVERAGE } from "./coverage.ts";
import { openWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

describe.each(Object.entries(COVERAGE))("%s", (table, { cells, grants, ownerSees = 0 }) => {
  for (const cell of cells) {
    const [actor, statement, outcome, given] = cell;
    const help = given === undefined ? "" : ` if given ${given}`;
    test(`as ${actor}${help}: ${statement} → ${outcome}`, async () => {
      expect(await attempt(world.sql, cell, table)).toBe(outcome);
    });
  }

  test("the owner is bound too", async () => {
    const [row] = await world.sql.unsafe<{ n: number }[]>(
      `select count(*)::int as n from app.${table}`,
    );
    const as = (statement: string) =>
      attemptUnder(world.sql, "set local role frm_owner", statement);
    expect(row?.n).toBeGreaterThan(0);
    expect(await as(`select * from app.${table}`)).toBe(ownerSees);
    expect(await as(`delete from app.${table}`)).toBe(0);
    expect(await as(`insert into app.${table} default values`)).toBe("refused");
  });

  test("each role may name the columns that it was given, and no other", async () => {
    const columns = (await listColumns(world.sql)).filter((column) => column.table === table);
    expect(await listUsable(world.sql, columns)).toEqual(expand(grants, columns));
  });
});

test("no serving role reaches a table that is not listed", async () => {
  for (const { name } of await listTables(world.sql)) {
    if (Object.hasOwn(COVERAGE, name)) continue;
    for (const role of SERVING_ROLES)
      for (const statement of [`select from app.${name}`, `delete from app.${name}`])
        expect(await attemptUnder(world.sql, `set local role frm_${role}`, statement)).toBe(
          "denied",
        );
  }
});

test("no serving role makes a table in our schema, or empties one", async () => {
  for (const role of SERVING_ROLES) {
    const as = (statement: string) =>
      attemptUnder(world.sql, `set local role frm_${role}`, statement);
    expect(await as("create table app.mine (id int)")).toBe("denied");
    // Whoever does not own a table cannot change it, and the answer does not depend on any privilege.
    expect(await as("alter table app.users disable row level security")).toBe("denied");
    expect(await as("drop policy users_auth on app.users")).toBe("denied");
    for (const table of Object.keys(COVERAGE))
      expect(await as(`truncate app.${table} cascade`)).toBe("denied");
  }
});

/** What the roles can really do with each column: statements that touch no row, each on its own. */
async function listUsable(sql: postgres.Sql, columns: Column[]): Promise<string[]> {
  const connection = await sql.reserve();
  const lines: string[] = [];
  try {
    for (const role of SERVING_ROLES) {
      await connection.unsafe(`set role frm_${role}`);
      const answers = columns.flatMap(({ table, name, type }) => {
        const of = { table: `app.${table}`, column: `"${name}"` };
        const statements = {
          select: `select ${of.column} from ${of.table} where false`,
          insert: `insert into ${of.table} (${of.column}) select null::${type} where false`,
          update: `update ${of.table} set ${of.column} = null where false`,
        };
        return Object.entries(statements).map(async ([privilege, statement]) => {
          const outcome = await connection.unsafe(statement).catch(refusalOf);
          return outcome === "denied" ? [] : [`${role} ${privilege} ${name}`];
        });
      });
      const deleting = connection.unsafe(`delete from app.${columns[0]?.table} where false`);
      const isDenied = (await deleting.catch(refusalOf)) === "denied";
      lines.push(...(await Promise.all(answers)).flat(), ...(isDenied ? [] : [`${role} delete *`]));
    }
  } finally {
    await connection.unsafe("reset role");
    connection.release();
  }
  return lines.toSorted();
}

/** Privileges as they are written down, with a line for each column; only rows as a whole are deleted. */
function expand(grants: Parameters<typeof listGrants>[0], columns: Column[]): string[] {
  return listGrants(grants)
    .flatMap((line) => {
      const [role = "", privilege = "", column] = line.split(" ");
      if (column !== "*" || privilege === "delete") return [line];
      return columns.map(({ name }) => `${role} ${privilege} ${name}`);
    })
    .toSorted();
}
