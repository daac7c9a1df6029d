import type postgres from "postgres";

import type { Call } from "../../../test/support/contract.ts";
import type { Listed } from "../../../test/support/openapi.ts";

/** An operation that has a hole on purpose, and how the hole must be found. */
export interface Control {
  listed: Listed;
  make: () => Call;
  /** Where the hole is. */
  place: string;
  /** The kind of injection that must be found there. */
  kind: string;
}

const NAME = "VN30";
const NO_ROWS = { found: 0 };

/** Queries that are made of text that somebody sent, each telling as much as one technique needs, and no more. */
const HOLES: Record<string, (sql: postgres.Sql, name: string) => Promise<object>> = {
  boolean: async (sql, name) => {
    const rows = await ask(sql, name).catch(() => []);
    return rows.length > 0 ? { found: rows.length, name: "a fund of thirty shares" } : NO_ROWS;
  },
  error: async (sql, name) => {
    const error = await ask(sql, name).then(
      () => "none",
      (failure: unknown) => String(failure),
    );
    return { error };
  },
  pause: async (sql, name) => {
    await ask(sql, name).catch(() => []);
    return NO_ROWS;
  },
  // Without parameters the driver sends a query in which one statement may follow another.
  stacked: async (sql, name) => {
    await sql.unsafe(`select 1 from control where name = '${name}'`).catch(() => []);
    return NO_ROWS;
  },
};

/** One statement only, as a driver sends it that prepares its statements. */
async function ask(sql: postgres.Sql, name: string): Promise<unknown[]> {
  return await sql.unsafe(`select 1 from control where name = '${name}'`, [], { prepare: true });
}

export interface ControlServer extends AsyncDisposable {
  url: string;
  controls: Control[];
}

/** Serves the holes from the database that the product under test uses. */
export async function openControls(sql: postgres.Sql): Promise<ControlServer> {
  await sql`create table control (name text not null)`;
  await sql`insert into control values (${NAME})`;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch: async (request) => {
      const { pathname, searchParams } = new URL(request.url);
      const [, hole = "", segment = ""] = pathname.split("/");
      const body = request.method === "POST" ? ((await request.json()) as { name?: string }) : {};
      const given =
        hole === "pause"
          ? request.headers.get("user-agent")
          : (searchParams.get("name") ?? body.name ?? decodeURIComponent(segment));
      return Response.json(await HOLES[hole]?.(sql, given ?? ""));
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    controls: [
      {
        listed: describe("GET", "/boolean"),
        make: () => ({ query: `?name=${NAME}` }),
        place: "query name",
        kind: "boolean-based blind",
      },
      {
        listed: describe("POST", "/error"),
        make: () => ({ body: { name: NAME } }),
        place: "body /name",
        kind: "error-based",
      },
      {
        listed: describe("GET", "/pause"),
        make: () => ({}),
        place: "headers",
        kind: "time-based blind",
      },
      {
        listed: describe("GET", "/stacked/{name}"),
        make: () => ({ params: { name: NAME } }),
        place: "path name",
        kind: "stacked queries",
      },
    ],
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

function describe(method: string, path: string): Listed {
  const operationId = `control of ${path.split("/")[1] ?? ""}`;
  const words = { operationId, summary: "", description: "", tags: [], parameters: [] };
  return { method, path, operation: { ...words, responses: { "200": { description: "" } } } };
}
