import type postgres from "postgres";

/** What the database says of itself; nothing here is remembered from the migrations. */
export interface Table {
  name: string;
  /** r and p for tables, v and m for views, f for a foreign table. */
  kind: string;
  owner: string;
  enabled: boolean;
  forced: boolean;
}

export async function listTables(sql: postgres.Sql): Promise<Table[]> {
  return await sql<Table[]>`
    select c.relname as name, c.relkind::text as kind, c.relowner::regrole::text as owner,
      c.relrowsecurity as enabled, c.relforcerowsecurity as forced
    from pg_class c where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
    order by c.relname`;
}

export interface Policy {
  table: string;
  name: string;
  command: string;
  roles: string;
  permissive: string;
  using: string | null;
  check: string | null;
}

export async function listPolicies(sql: postgres.Sql): Promise<Policy[]> {
  return await sql<Policy[]>`
    select tablename as table, policyname as name, lower(cmd) as command, permissive, qual as using,
      with_check as check, regexp_replace(array_to_string(roles, ' '), '\\mfrm_', '', 'g') as roles
    from pg_policies where schemaname = 'app' order by tablename, policyname`;
}

export interface Grant {
  table: string;
  role: string;
  privilege: string;
  /** `*` for a privilege on the whole table. */
  column: string;
  grantable: boolean;
}

/** Everything that anybody but the owner may do with a table or a column of it. */
export async function listTableGrants(sql: postgres.Sql): Promise<Grant[]> {
  return await sql<Grant[]>`
    with acl as (
      select c.oid, c.relname, c.relowner, a.*, '*' as attname
        from pg_class c, aclexplode(c.relacl) a where c.relnamespace = 'app'::regnamespace
      union all
      select c.oid, c.relname, c.relowner, a.*, t.attname
        from pg_class c join pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a
        where c.relnamespace = 'app'::regnamespace
    )
    select relname as table, attname as column, lower(privilege_type) as privilege, is_grantable as grantable,
      case when grantee = 0 then 'everybody'
        else regexp_replace(grantee::regrole::text, '^frm_', '') end as role
    from acl where grantee <> relowner order by 1, 4, 3, 2`;
}

export interface Column {
  table: string;
  name: string;
  type: string;
}

export async function listColumns(sql: postgres.Sql): Promise<Column[]> {
  return await sql<Column[]>`
    select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0
      and not a.attisdropped
    order by c.relname, a.attnum`;
}
