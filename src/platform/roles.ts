import type postgres from "postgres";

import { StartError } from "./errors.ts";

/** Our roles under this deployment's prefix. None of them can log in. */
export interface RoleNames {
  owner: string;
  app: string;
  auth: string;
  system: string;
  public: string;
}

export function roleNames(prefix: string): RoleNames {
  return {
    owner: `${prefix}_owner`,
    app: `${prefix}_app`,
    auth: `${prefix}_auth`,
    system: `${prefix}_system`,
    public: `${prefix}_public`,
  };
}

/** Creates the roles that are missing and lets the logins act under them. Safe to repeat. */
export async function ensureRoles(
  tx: postgres.TransactionSql,
  options: { names: RoleNames; login: string },
): Promise<void> {
  const names: string[] = Object.values(options.names);
  const existing = await tx<{ name: string }[]>`
    select rolname as name from pg_roles where rolname in ${tx(names)}`;
  for (const name of names) {
    if (existing.some((role) => role.name === name)) continue;
    await tx.unsafe(`create role "${name}" nologin noinherit nobypassrls nosuperuser`);
  }
  const [me] = await tx<[{ login: string }]>`select session_user as login`;
  for (const name of names) {
    await grant(tx, { role: name, login: me.login });
    // The serving login never becomes the owner, so that it cannot change a table or a policy.
    if (name !== options.names.owner) await grant(tx, { role: name, login: options.login });
  }
}

async function grant(
  tx: postgres.TransactionSql,
  { role, login }: { role: string; login: string },
): Promise<void> {
  const [state] = await tx<[{ granted: boolean; version: number }]>`
    select exists (
      select 1 from pg_auth_members m
      where m.roleid = ${role}::regrole and m.member = (select oid from pg_roles where rolname = ${login})
        and coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
    ) as granted, current_setting('server_version_num')::int as version`;
  if (state.granted) return;
  // Since Postgres 16 even the role's creator may not act under it until SET is granted.
  const option = state.version >= 160_000 ? " with set true, inherit false" : "";
  await tx.unsafe(`grant ${quote(role)} to ${quote(login)}${option}`);
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

interface Danger {
  problem: string;
}

/**
 * Asks the database whether the roles we serve under could get around row-level security.
 * @throws StartError that says how.
 */
export async function assertRolesAreBound(tx: postgres.Sql, names: RoleNames): Promise<void> {
  const serving = [names.app, names.auth, names.system, names.public];
  const dangers = await tx<Danger[]>`
    select format('role %s could bypass row-level security', r.rolname) as problem
      from pg_roles r where r.rolname in ${tx(serving)} and (r.rolsuper or r.rolbypassrls)
    union all
    select format('role %s may act as %s', r.rolname, o.rolname)
      from pg_roles r, pg_roles o
      where r.rolname in ${tx(serving)} and r.oid <> o.oid and pg_has_role(r.oid, o.oid, 'member')
        and (o.rolsuper or o.rolbypassrls or o.rolname = ${names.owner})
    union all
    select format('table app.%s belongs to %s', c.relname, r.rolname)
      from pg_class c join pg_roles r on r.oid = c.relowner
      where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and r.rolname in ${tx(serving)}
    union all
    select format('table app.%s does not force row-level security', c.relname)
      from pg_class c
      where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'migrations'
        and not (c.relrowsecurity and c.relforcerowsecurity)`;
  if (dangers.length > 0)
    throw new StartError(`Cannot start: ${dangers.map((danger) => danger.problem).join("; ")}`);
}
