import type { SQL } from "drizzle-orm";
import type { PgColumn, PgTable } from "drizzle-orm/pg-core";

/** What becomes of a table's rows about a user when they ask for their data, and when they go. Every table has one. */
export interface PersonalTable {
  table: PgTable;
  /** Whose a row is. */
  owner: PgColumn;
  /** Further columns that name a user. They go on doing so after the erasure, when the name leads to nobody. */
  alsoNames?: PgColumn[];
  exported: ExportPolicy | Withheld;
  erased: ErasePolicy;
}

export interface ExportPolicy {
  /** By their names in the export. No secret is among them, nor anything that only recognises one. */
  columns: Record<string, PgColumn>;
  /** Tells rows apart, so that they are read page by page in one order. */
  key: PgColumn[];
  /** Under whose rights it is read: the user's own, wherever these reach all that is theirs. */
  reader: "app" | "system";
  /** Leads to the rows by an index, where the owner's column has none of its own. */
  through?: (userId: string) => SQL;
}

/** Nothing of the table is in an export, for a reason that the user reads there. */
export interface Withheld {
  nothing: string;
}

export type ErasePolicy =
  | { by: "deletion" }
  /** The row stays for what refers to it, without what tells who it was. */
  | { by: "anonymizing"; set: (at: Date) => Record<string, unknown> }
  /** The rows stay as they are. */
  | { by: "nothing"; because: string; until: string };
