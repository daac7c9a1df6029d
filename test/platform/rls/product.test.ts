import { afterAll, beforeAll, expect, test } from "bun:test";

import { sql } from "drizzle-orm";
import { DrizzleQueryError } from "drizzle-orm/errors";

import { type Actor, type Database, openDatabase } from "../../../src/platform/database.ts";
import { type Cell, type Outcome, refusalOf, roleOf } from "./cells.ts";
import { COVERAGE } from "./coverage.ts";
import { claimOf, openWorld, withIds, type World } from "./world.ts";

let world: World;
let db: Database;

beforeAll(async () => {
  world = await openWorld();
  // One connection, so that every transaction meets what the one before it has left behind.
  db = await openDatabase({ url: world.url, rolePrefix: "frm", poolSize: 1 });
});
afterAll(async () => {
  await db.close();
  await world[Symbol.asyncDispose]();
});

/** Ends a transaction of which nothing is to stay. */
class Enough extends Error {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super("Cannot commit: that was only an attempt");
    this.outcome = outcome;
  }
}

/** What the product can do is all that is written down, but for the owner, missing claims, and privileges given for once. */
function isOurs([actor, , , given]: Cell): boolean {
  return actor !== "owner" && actor !== "nobody" && given === undefined;
}

async function attemptOurWay([as, statement]: Cell): Promise<Outcome> {
  const role = roleOf(as);
  const actor = role === "app" ? { role, userId: claimOf(as) } : ({ role } as Actor);
  try {
    return await db.run(actor, async (tx) => {
      const { count } = await tx.execute(sql.raw(withIds(statement)));
      throw new Enough(count);
    });
  } catch (error) {
    if (error instanceof Enough) return error.outcome;
    return refusalOf(error instanceof DrizzleQueryError ? error.cause : error);
  }
}

test.each(Object.entries(COVERAGE))(
  "our own transactions are bound by the same: %s",
  async (_, { cells }) => {
    const ours = cells.filter(isOurs);
    expect(ours.length).toBeGreaterThan(5);
    for (const cell of ours) {
      const [actor, statement, outcome] = cell;
      expect([actor, statement, await attemptOurWay(cell)]).toEqual([actor, statement, outcome]);
    }
  },
);
