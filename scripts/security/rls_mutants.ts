import type postgres from "postgres";

import { listPolicies, listTableGrants, listTables } from "../../test/platform/rls/catalogue.ts";
import { SERVING_ROLES } from "../../test/platform/rls/cells.ts";

/** One weakening, or one loss, of what protects the rows. */
export interface Mutant {
  name: string;
  statement: string;
  /** Whose rows it lays open, or takes away; a function may protect those of any. */
  table?: string;
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
    {
      name: `${name}: no force`,
      statement: `alter table app.${name} no force row level security`,
      table: name,
    },
    {
      name: `${name}: no policies`,
      statement: `alter table app.${name} disable row level security`,
      table: name,
    },
    ...SERVING_ROLES.map((role) => ({
      name: `${name}: everything granted to ${role}`,
      statement: `grant all on app.${name} to frm_${role}`,
      table: name,
    })),
  ]);
}

async function mutatePolicies(sql: postgres.Sql): Promise<Mutant[]> {
  const mutants: Mutant[] = [];
  for (const { table, name, command, using, check } of await listPolicies(sql)) {
    const on = `"${name}" on app.${table}`;
    mutants.push({ name: `${name}: dropped`, statement: `drop policy ${on}`, table });
    for (const [clause, text] of [
      ["using", using],
      ["with check", check],
    ] as const)
      for (const { what, expression } of weaken(text)) {
        const statement = `alter policy ${on} ${clause} (${expression})`;
        mutants.push({ name: `${name}: ${clause} ${what}`, statement, table });
      }
    // Without a check of its own, what may be found is also what may be left behind, and a check that lets in everything
    // says the same where everything may be found.
    if (command === "update" && check === null && using !== "true")
      mutants.push({
        name: `${name}: with check true`,
        statement: `alter policy ${on} with check (true)`,
        table,
      });
  }
  return mutants;
}

/** The whole expression made true, and each of its conditions, at any depth, taken out. */
export function weaken(text: string | null): { what: string; expression: string }[] {
  if (text === null || text === "true") return [];
  const operands = groupsOf(text, 0, text.length).flatMap((group) => operandsOf(text, group));
  return [{ what: "true", expression: "true" }, ...takeOut(text, operands)];
}

/** Each condition taken out; where the same one stands in several places, its name tells them apart. */
function takeOut(text: string, operands: Operand[]): { what: string; expression: string }[] {
  const times = new Map<string, number>();
  return operands.map(({ from, to, neutral }) => {
    const condition = text.slice(from, to).replaceAll(/\s+/g, " ").trim();
    const time = (times.get(condition) ?? 0) + 1;
    times.set(condition, time);
    return {
      what: `without ${condition}${time === 1 ? "" : `, place ${time}`}`,
      expression: `${text.slice(0, from)}${neutral}${text.slice(to)}`,
    };
  });
}

type Group = [start: number, end: number];

/** The inside of each pair of parentheses in a part of the text, and that part itself. */
function groupsOf(text: string, start: number, end: number): Group[] {
  const groups: Group[] = [[start, end]];
  const open: number[] = [];
  for (let at = start; at < end; at += 1) {
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

function operandsOf(text: string, [start, end]: Group): Operand[] {
  for (const [word, neutral] of [
    [/\sand\s+/iy, "true"],
    [/\sor\s+/iy, "false"],
  ] as const) {
    const operands: Operand[] = [];
    let from = start;
    let depth = 0;
    for (let at = start; at < end; at += 1) {
      if (text[at] === "(") depth += 1;
      if (text[at] === ")") depth -= 1;
      word.lastIndex = at;
      const found = depth === 0 ? word.exec(text.slice(0, end)) : null;
      if (found === null) continue;
      operands.push({ from, to: at, neutral });
      from = at + found[0].length;
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
      table,
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
      ...weakenBody(text).map(({ what, expression }) => ({
        name: `${name}: ${what}`,
        statement: expression,
      })),
    ];
  });
}

/** A function with each condition of its WHERE clauses taken out; a query within a condition has clauses of its own. */
export function weakenBody(text: string): { what: string; expression: string }[] {
  const operands = [...text.matchAll(/\bwhere\s+/g)].flatMap((match) => {
    const start = match.index + match[0].length;
    const end = endOfClause(text, start);
    const [clause, ...inner] = groupsOf(text, start, end);
    const outer = clause === undefined ? [] : operandsOf(text, clause);
    const conditions = inner.filter(([at]) => !/^\s*select\b/.test(text.slice(at)));
    return [
      ...(outer.length === 0 ? [{ from: start, to: end, neutral: "true" as const }] : outer),
      ...conditions.flatMap((group) => operandsOf(text, group)),
    ];
  });
  return takeOut(text, operands);
}

/** Where what belongs to a WHERE ends: before another clause, the parenthesis around it, or the end of the function. */
function endOfClause(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === "(") depth += 1;
    if (text[at] === ")") depth -= 1;
    const isOver =
      /^(?:;|\s+(?:order by|limit|offset|returning|union|on conflict|for update|\$))/.test(
        text.slice(at, at + 40),
      );
    if (depth < 0 || (depth === 0 && isOver)) return at;
  }
  return text.length;
}
