import { and, asc, eq, type SQL, sql } from "drizzle-orm";
import { getTableConfig, type PgColumn } from "drizzle-orm/pg-core";

import type { ExportPolicy, PersonalTable, Withheld } from "../../../platform/personal_data.ts";
import type { WorkerPlatform } from "../../../platform/platform.ts";

type Row = Record<string, unknown>;
/** A table of which an export has something. */
type Exported = PersonalTable & { exported: ExportPolicy };

/** Rows that are held in memory at once. */
const PAGE = 500;
const KEY = "key ";

export function nameOf({ table }: PersonalTable): string {
  return getTableConfig(table).name;
}

export function isExported(policy: PersonalTable): policy is Exported {
  return !("nothing" in policy.exported);
}

export function isWithheld(
  policy: PersonalTable,
): policy is PersonalTable & { exported: Withheld } {
  return "nothing" in policy.exported;
}

/** All that a table has about a user, as far as its policy lets it into an export, page by page. */
export async function* listPages(
  { db }: Pick<WorkerPlatform, "db">,
  { table, owner, exported }: Exported,
  userId: string,
): AsyncGenerator<Row[]> {
  const { columns, key, reader, through } = exported;
  const actor =
    reader === "app" ? ({ role: "app", userId } as const) : ({ role: "system" } as const);
  const keys = Object.fromEntries(key.map((column, at) => [KEY + at, column]));
  let after: unknown[] | undefined;
  for (;;) {
    const rows: Row[] = await db.run(
      actor,
      (tx) =>
        tx
          .select({ ...columns, ...keys })
          .from(table)
          .where(and(eq(owner, userId), through?.(userId), after && isBehind(key, after)))
          .orderBy(...key.map((column) => asc(column)))
          .limit(PAGE),
      { read: true },
    );
    const last = rows.at(-1);
    if (!last) return;
    after = key.map((_, at) => last[KEY + at]);
    yield rows.map((row) =>
      Object.fromEntries(Object.keys(columns).map((name) => [name, row[name]])),
    );
    if (rows.length < PAGE) return;
  }
}

function isBehind(key: PgColumn[], values: unknown[]): SQL {
  const place = sql.join(key, sql`, `);
  const last = sql.join(
    values.map((value) => sql`${value}`),
    sql`, `,
  );
  return sql`(${place}) > (${last})`;
}
