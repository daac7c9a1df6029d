import { eq } from "drizzle-orm";

import type { Database } from "./database.ts";
import { parseSigningKeys, type SigningKey } from "./settings.ts";
import { devSecrets } from "./tables.ts";
import { generateSigningKey } from "./tokens.ts";

const NAME = "jwt_keys";

/** Development's signing keys: the first instance makes them, and all that share its database use the same. */
export async function loadSigningKeys(db: Database): Promise<SigningKey[]> {
  const fresh = JSON.stringify([await generateSigningKey()]);
  const text = await db.run({ role: "auth" }, async (tx) => {
    await tx.insert(devSecrets).values({ name: NAME, value: fresh }).onConflictDoNothing();
    const [row] = await tx.select().from(devSecrets).where(eq(devSecrets.name, NAME));
    return row?.value ?? fresh;
  });
  const keys = parseSigningKeys(text);
  if (!keys) throw new Error("Cannot read the development keys: the database holds something else");
  return keys;
}
