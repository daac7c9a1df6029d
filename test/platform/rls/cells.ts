import type postgres from "postgres";

import { claimOf, withIds } from "./world.ts";

export const SERVING_ROLES = ["app", "auth", "system", "public"] as const;
export type ServingRole = (typeof SERVING_ROLES)[number];
/** Tables belong to the owner, under whom nothing is served. */
export type Role = ServingRole | "owner";

/** A person acts under the role app with their own claims, nobody under app without any, the rest are roles. */
export type Actor =
  | ("lan" | "minh" | "hoa" | "quan" | "eve" | "mai" | "anh" | "tung" | "kim" | "nobody")
  | Exclude<Role, "app">;

/**
 * How many rows were read or written; `denied` when the role lacks the privilege; `refused` when a policy does not let
 * the new row in; else the code of the error.
 */
export type Outcome = number | "denied" | "refused" | (string & {});

/**
 * Who tries what, and what comes of it. The fourth says which privileges the role is given for this one attempt, to
 * show that the policy would hold without the help of the grants.
 */
export type Cell = [as: Actor, statement: string, outcome: Outcome, given?: string];

export type Coverage = {
  /** Name, command and role of each policy. */
  policies: string[];
  /** What each role may do with which columns; a privilege without columns is one on all of them. */
  grants: Partial<Record<ServingRole, string>>;
  /** Rows that the owner sees without claims, where a policy lets a function that runs as the owner see any. */
  ownerSees?: number;
  cells: Cell[];
};

export function roleOf(actor: Actor): Role {
  const isRole = ["auth", "system", "public", "owner"].includes(actor);
  return isRole ? (actor as Role) : "app";
}

/** The start of a transaction as PostgREST writes it; nobody has no claims at all. */
export function actAs(actor: Actor): string {
  const role = `set local role frm_${roleOf(actor)}`;
  if (actor === "nobody" || roleOf(actor) !== "app") return role;
  const claims = JSON.stringify({ sub: claimOf(actor), role: "app" });
  return `${role}; set local request.jwt.claims = '${claims}'`;
}

/** Tries a cell's statement in a transaction of its own, of which nothing stays. */
export async function attempt(sql: postgres.Sql, cell: Cell, table: string): Promise<Outcome> {
  const [actor, statement, , given] = cell;
  const help = given === undefined ? "" : `grant ${given} on app.${table} to frm_${roleOf(actor)};`;
  return await attemptUnder(sql, `${help} ${actAs(actor)}`, withIds(statement));
}

/** Tries a statement in a transaction that begins with `settings`. */
export async function attemptUnder(
  sql: postgres.Sql,
  settings: string,
  statement: string,
): Promise<Outcome> {
  const connection = await sql.reserve();
  try {
    await connection.unsafe(`begin; ${settings}`).simple();
    return (await connection.unsafe(statement)).count;
  } catch (error) {
    return refusalOf(error);
  } finally {
    await connection.unsafe("rollback").simple();
    connection.release();
  }
}

/** @throws whatever is not an answer of Postgres. */
export function refusalOf(error: unknown): Outcome {
  const { code, message } = error as { code?: string; message: string };
  if (code === undefined) throw error;
  if (code !== "42501") return code;
  return message.includes("row-level security") ? "refused" : "denied";
}

/** One line for each privilege: `app select user_id`, or `app select *` for a privilege on all columns. */
export function listGrants(grants: Coverage["grants"]): string[] {
  return Object.entries(grants).flatMap(([role, text]) =>
    [...text.matchAll(/(\w+)(?:\(([^)]*)\))?/g)].flatMap(([, privilege, columns = "*"]) =>
      columns.split(" ").map((column) => `${role} ${privilege} ${column}`),
    ),
  );
}
