import type postgres from "postgres";

import { nameOf } from "../../src/features/account/service/export_rows.ts";
import type { PersonalTable } from "../../src/platform/personal_data.ts";
import { listColumns } from "../platform/rls/catalogue.ts";
import { columnName } from "./user_references.ts";

/** The text that stands in one column of the row that was planted for somebody. */
export function markOf(mark: string, table: string, column: string): string {
  return `${mark}-${table}-${column}.`;
}

/**
 * Puts one row of a user into every table, with a text of its own in each column that can hold one, secrets included.
 * Nothing is said of single tables here, so that a new one is planted as well.
 */
export async function plantRows(
  sql: postgres.Sql,
  tables: PersonalTable[],
  { userId, mark }: { userId: string; mark: string },
): Promise<void> {
  const columns = await listColumns(sql);
  const conversationId = crypto.randomUUID();
  await sql.begin(async (tx) => {
    // What the rows refer to is not all there.
    await tx`set local session_replication_role = replica`;
    for (const policy of tables) {
      const table = nameOf(policy);
      const owner = columnName(policy.owner);
      const row: Record<string, unknown> = {};
      for (const { name, type } of columns.filter((column) => column.table === table))
        row[name] = valueOf(type, markOf(mark, table, name), tx);
      if ("conversation_id" in row) row["conversation_id"] = conversationId;
      row[owner] = userId;
      await tx`insert into ${tx(`app.${table}`)} ${tx(row as Record<string, string>)}`;
    }
  });
}

function valueOf(type: string, mark: string, tx: postgres.TransactionSql): unknown {
  if (type === "uuid") return crypto.randomUUID();
  if (type === "text") return mark;
  if (type === "text[]") return [mark];
  if (type === "bytea") return Buffer.from(mark);
  if (type === "jsonb") return tx.json({ mark });
  if (type.startsWith("timestamp")) return new Date("2031-01-01T00:00:00Z");
  if (/int/.test(type)) return 7;
  if (type === "uuid[]") return [crypto.randomUUID()];
  if (type === "boolean") return true;
  throw new Error(`Cannot plant a value of type "${type}"`);
}
