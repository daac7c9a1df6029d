import { expect, test } from "bun:test";

import { openDatabase } from "../../src/platform/database.ts";
import { loadSigningKeys } from "../../src/platform/dev_keys.ts";
import { openTestDatabase } from "../support/database.ts";

test("all who share a database get the same keys, and a text that is none is refused", async () => {
  await using database = await openTestDatabase();
  const db = await openDatabase({ url: database.url, rolePrefix: "frm", poolSize: 4 });
  try {
    const all = await Promise.all(Array.from({ length: 4 }, () => loadSigningKeys(db)));
    expect(all[0]).toHaveLength(1);
    for (const keys of all) expect(keys).toEqual(all[0] ?? []);
    await database.sql`update app.dev_secrets set value = 'no keys'`;
    const refusal = await loadSigningKeys(db).catch((error: unknown) => error);
    expect(String(refusal)).toContain("Cannot read the development keys");
  } finally {
    await db.close();
  }
});
