import { getTableName } from "drizzle-orm";
import { CasingCache } from "drizzle-orm/casing";
import type { PgColumn } from "drizzle-orm/pg-core";
import type postgres from "postgres";

import type { PersonalTable } from "../../src/platform/personal_data.ts";

const casing = new CasingCache("snake_case");

/** The name of a column in the database. */
export function columnName(column: PgColumn): string {
  return casing.getColumnCasing(column);
}

/** A column that says whose a row is, or who did something. */
export interface Reference {
  table: string;
  column: string;
}

/** Names that only a reference to a user has, for where there is no foreign key. */
const NAMES =
  "^(?:.*_)?(?:user|sender|actor|author|owner|member|creator|recipient|receiver|follower|followee|inviter|invitee|payer|payee|moderator|admin|staff)_id$|^.+_by$";

/** What refers to users, as the database tells it: by a foreign key, at one or more removes, or by a name. */
export async function listUserReferences(sql: postgres.Sql): Promise<Reference[]> {
  return await sql<Reference[]>`
    with recursive keys as (
      select k.conrelid, k.confrelid, pairs.own, pairs.other
      from pg_constraint k, unnest(k.conkey, k.confkey) as pairs (own, other)
      where k.contype = 'f' and k.connamespace = 'app'::regnamespace
    ), found as (
      select a.attrelid, a.attnum from pg_attribute a
        where a.attrelid = 'app.users'::regclass and a.attname = 'id'
      union
      select k.conrelid, k.own from keys k join found f on f.attrelid = k.confrelid and f.attnum = k.other
    )
    select c.relname as table, a.attname as column from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0
      and not a.attisdropped and (a.attname ~ ${NAMES}
        or exists (select 1 from found f where f.attrelid = a.attrelid and f.attnum = a.attnum))
    order by 1, 2`;
}

/** The columns of which no policy says what becomes of them. */
export function listUnstated(references: Reference[], stated: PersonalTable[]): string[] {
  const known = new Set(
    stated.flatMap(({ table, owner, alsoNames = [] }) =>
      [owner, ...alsoNames].map((column) => `${getTableName(table)}.${columnName(column)}`),
    ),
  );
  return references
    .map(({ table, column }) => `${table}.${column}`)
    .filter((name) => !known.has(name));
}
