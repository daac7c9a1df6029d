import type postgres from "postgres";

import {
  actAs,
  type Cell,
  type Outcome,
  refusalOf,
  roleOf,
} from "../../test/platform/rls/cells.ts";
import { COVERAGE } from "../../test/platform/rls/coverage.ts";
import { withIds } from "../../test/platform/rls/world.ts";
import type { Mutant } from "./rls_mutants.ts";

/**
 * Tries the cells of the mutant's table in a transaction in which the mutant is at home, of which nothing stays. That is
 * what test/platform/rls/matrix.test.ts does with them, without a database and a process for each mutant.
 * @returns the name of the test that would notice; undefined where none of these would, and others may.
 */
export async function findCell(sql: postgres.Sql, mutant: Mutant): Promise<string | undefined> {
  const { table, statement } = mutant;
  if (table === undefined) return undefined;
  const connection = await sql.reserve();
  try {
    await connection.unsafe("begin");
    await connection.unsafe(statement);
    for (const cell of COVERAGE[table]?.cells ?? [])
      if ((await attemptWithin(connection, cell, table)) !== cell[2]) return nameOf(cell, table);
    return undefined;
  } finally {
    await connection.unsafe("rollback");
    connection.release();
  }
}

/** Whether each cell of each table has the outcome here that is written down, as long as nothing is broken. */
export async function findWrongCell(sql: postgres.Sql): Promise<string | undefined> {
  for (const table of Object.keys(COVERAGE)) {
    const name = await findCell(sql, { name: table, statement: "select 1", table });
    if (name !== undefined) return name;
  }
  return undefined;
}

async function attemptWithin(
  connection: postgres.ReservedSql,
  [actor, statement, , given]: Cell,
  table: string,
): Promise<Outcome> {
  const help = given === undefined ? "" : `grant ${given} on app.${table} to frm_${roleOf(actor)};`;
  try {
    await connection.unsafe(`savepoint cell; ${help} ${actAs(actor)}`).simple();
    return (await connection.unsafe(withIds(statement))).count;
  } catch (error) {
    return refusalOf(error);
  } finally {
    await connection.unsafe("rollback to savepoint cell").simple();
  }
}

function nameOf([actor, statement, outcome, given]: Cell, table: string): string {
  const help = given === undefined ? "" : ` if given ${given}`;
  return `${table} > as ${actor}${help}: ${statement} → ${outcome}`;
}
