import type postgres from "postgres";

import { listPolicies, listTableGrants, listTables } from "../../test/platform/rls/catalogue.ts";
import { SERVING_ROLES } from "../../test/platform/rls/cells.ts";

/** One weakening, or one loss, of what protects the rows. */
export interface Mutant {
  name: string;
  statement: string;
}

/** Everything that protects the rows, as the database tells it, broken in one place each. */
export async function listMutants(sql: postgres.Sql): Promise<Mutant[]> {
  return [
    ...(await mutateTables(sql)),
    ...(await mutatePolicies(sql)),
    ...(await mutateGrants(sql)),
    ...(await mutateFunctions(sql)),
  ];
}

async function mutateTables(sql: postgres.Sql): Promise<Mutant[]> {
  const tables = (await listTables(sql)).filter(({ enabled }) => enabled);
  return tables.flatMap(({ name }) => [
    { name: `${name}: no force`, statement: `alter table app.${name} no force row level security` },
    {
      name: `${name}: no policies`,
      statement: `alter table app.${name} disable row level security`,
    },
    ...SERVING_ROLES.map((role) => ({
      name: `${name}: everything granted to ${role}`,
      statement: `grant all on app.${name} to frm_${role}`,
    })),
  ]);
}

async function mutatePolicies(sql: postgres.Sql): Promise<Mutant[]> {
  const mutants: Mutant[] = [];
  for (const { table, name, command, using, check } of await listPolicies(sql)) {
    const on = `"${name}" on app.${table}`;
    mutants.push({ name: `${name}: dropped`, statement: `drop policy ${on}` });
    for (const [clause, text] of [
      ["using", using],
      ["with check", check],
    ] as const)
      for (const { what, expression } of weaken(text)) {
        const statement = `alter policy ${on} ${clause} (${expression})`;
        mutants.push({ name: `${name}: ${clause} ${what}`, statement });
      }
    // Without a check of its own, what may be found is also what may be left behind.
    if (command === "update" && check === null)
      mutants.push({
        name: `${name}: with check true`,
        statement: `alter policy ${on} with check (true)`,
      });
  }
  return mutants;
}

/** The whole expression made true, and each of its conditions, at any depth, taken out. */
export function weaken(text: string | null): { what: string; expression: string }[] {
  if (text === null || text === "true") return [];
  const parts = groupsOf(text).flatMap(([start, end]) =>
    operandsOf(text, start, end).map(({ from, to, neutral }) => ({
      what: `without ${text.slice(from, to)}`,
      expression: `${text.slice(0, from)}${neutral}${text.slice(to)}`,
    })),
  );
  return [{ what: "true", expression: "true" }, ...parts];
}

/** The inside of each pair of parentheses, and the text itself. */
function groupsOf(text: string): [start: number, end: number][] {
  const groups: [number, number][] = [[0, text.length]];
  const open: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "(") open.push(at + 1);
    if (text[at] === ")") groups.push([open.pop() ?? 0, at]);
  }
  return groups;
}

interface Operand {
  from: number;
  to: number;
  /** What changes nothing where it stands: true among conditions that all must hold, false where one is enough. */
  neutral: "true" | "false";
}

function operandsOf(text: string, start: number, end: number): Operand[] {
  for (const [word, neutral] of [
    [" AND ", "true"],
    [" OR ", "false"],
  ] as const) {
    const operands: Operand[] = [];
    let from = start;
    let depth = 0;
    for (let at = start; at < end; at += 1) {
      if (text[at] === "(") depth += 1;
      if (text[at] === ")") depth -= 1;
      if (depth !== 0 || !text.startsWith(word, at)) continue;
      operands.push({ from, to: at, neutral });
      from = at + word.length;
    }
    if (operands.length > 0) return [...operands, { from, to: end, neutral }];
  }
  return [];
}

async function mutateGrants(sql: postgres.Sql): Promise<Mutant[]> {
  return (await listTableGrants(sql)).map(({ table, role, privilege, column }) => {
    const columns = column === "*" ? "" : ` (${column})`;
    return {
      name: `${table}: ${privilege}${columns} revoked from ${role}`,
      statement: `revoke ${privilege}${columns} on app.${table} from frm_${role}`,
    };
  });
}

interface Definition {
  name: string;
  definer: boolean;
  path: boolean;
  closed: boolean;
  text: string;
}

async function mutateFunctions(sql: postgres.Sql): Promise<Mutant[]> {
  const functions = await sql<Definition[]>`
    select p.oid::regprocedure::text as name, p.prosecdef as definer, p.proconfig is not null as path,
      not has_function_privilege('public', p.oid, 'execute') as closed, pg_get_functiondef(p.oid) as text
    from pg_proc p where p.pronamespace = 'app'::regnamespace order by 1`;
  return functions.flatMap(({ name, definer, path, closed, text }) => {
    const alter = `alter function ${name}`;
    const open = `grant execute on function ${name} to public`;
    return [
      ...(definer
        ? [{ name: `${name}: not a definer`, statement: `${alter} security invoker` }]
        : []),
      ...(path ? [{ name: `${name}: path of the caller`, statement: `${alter} reset all` }] : []),
      ...(closed ? [{ name: `${name}: open to everybody`, statement: open }] : []),
      ...conditionsOf(text).map((condition) => ({
        name: `${name}: without ${condition}`,
        statement: text.replace(condition, "true"),
      })),
    ];
  });
}

function conditionsOf(text: string): string[] {
  const where = /\bwhere\b([\s\S]*?)\n\s*\$/.exec(text)?.[1];
  return where?.split(/\band\b/).map((condition) => condition.trim()) ?? [];
}
