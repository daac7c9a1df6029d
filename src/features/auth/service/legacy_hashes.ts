import { like, sql } from "drizzle-orm";

import type { Database } from "../../../platform/database.ts";
import type { Platform } from "../../../platform/platform.ts";
import { accounts } from "../tables.ts";

/** Such hashes only become fewer, but for those that an operator brings in from the predecessor. */
const LOOK_AGAIN_MS = 3_600_000;

interface Look {
  at: number;
  found: Promise<number | undefined>;
}

const looks = new WeakMap<Database, Look>();

/**
 * The highest cost of a bcrypt hash that an account still has, as it was within the last hour; undefined where all of
 * them have been renewed. Refused sign-ins do as much work as one against it.
 */
export async function findLegacyCost(platform: Platform): Promise<number | undefined> {
  const now = platform.now().getTime();
  const known = looks.get(platform.db);
  if (known && now - known.at < LOOK_AGAIN_MS) return await known.found;
  const found = readCost(platform).catch(async (error: unknown) => {
    platform.log.warn("cannot look for hashes of the predecessor", { error });
    looks.delete(platform.db);
    return await known?.found;
  });
  looks.set(platform.db, { at: now, found });
  // All accounts are read for it, so whoever comes meanwhile goes by what was known before.
  return await (known?.found ?? found);
}

async function readCost({ db }: Platform): Promise<number | undefined> {
  const cost = sql<
    number | null
  >`max(substring(${accounts.passwordHash} from '^\\$2[aby]\\$([0-9]{2})\\$.{53}$')::int)`;
  const [row] = await db.run({ role: "auth" }, (tx) =>
    tx.select({ cost }).from(accounts).where(like(accounts.passwordHash, "$2%")),
  );
  return row?.cost ?? undefined;
}
