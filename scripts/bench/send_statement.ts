import { PgDialect } from "drizzle-orm/pg-core";
import type { SQL } from "drizzle-orm/sql";

import { sendMessage } from "../../src/features/chat/service/send.ts";
import type { Platform } from "../../src/platform/platform.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Made once in each statement, as a parameter would be: otherwise no index could be asked for it. */
const FRESH_ID = "(select gen_random_uuid())";
const NOW = new Date(1_790_000_000_000);

interface Send {
  userId: string;
  conversationId: string;
  body: string;
}

/**
 * The transaction in which the product stores one message, as a script of pgbench: the very statement of the service, in
 * one flush with the begin, the sender's role and claims, and the commit. Ids are made up by the server.
 */
export async function sendTransaction(send: Send): Promise<string> {
  const { sql, params } = await captureSend(send);
  const own = [send.userId, send.conversationId];
  const statement = sql.replaceAll(/\$(\d+)/g, (_, at: string) =>
    literalOf(params[Number(at) - 1], own),
  );
  const claims = `{"sub":"${send.userId}"}`;
  return [
    "\\startpipeline",
    "begin;",
    "set local role frm_app;",
    `select set_config('request.jwt.claims', '${claims.replace(":", "' || chr(58) || '")}', true);`,
    `${statement.replaceAll(/--.*$/gm, "").replaceAll(/\s+/g, " ")};`,
    "commit;",
    "\\endpipeline",
    "",
  ].join("\n");
}

/** Lets the service make its statement, and keeps it from going further. */
async function captureSend({
  userId,
  conversationId,
  body,
}: Send): Promise<{ sql: string; params: unknown[] }> {
  const dialect = new PgDialect({ casing: "snake_case" });
  const captured = Promise.withResolvers<SQL>();
  const tx = {
    execute: (statement: SQL) => {
      captured.resolve(statement);
      return Promise.reject(new Error("captured"));
    },
  };
  type Work = (transaction: unknown) => Promise<unknown>;
  const db = {
    run: (_: unknown, work: Work) => work(tx),
    runTogether: ([step]: { work: Work }[]) => step?.work(tx),
  };
  const platform = { db, now: () => NOW } as unknown as Platform;
  const draft = { userId, conversationId, clientId: crypto.randomUUID(), body };
  await sendMessage(platform, draft).catch((error: unknown) => captured.reject(error));
  const { sql, params } = dialect.sqlToQuery(await captured.promise);
  return { sql, params };
}

/** A colon would begin a variable of pgbench, so values are written without one. */
function literalOf(value: unknown, own: string[]): string {
  if (typeof value === "number") return String(value);
  if (typeof value === "boolean") return String(value);
  if (value === null) return "null";
  if (typeof value !== "string") throw new Error("Cannot write a parameter of this kind");
  if (own.includes(value)) return `'${value}'`;
  if (UUID.test(value)) return FRESH_ID;
  if (value === NOW.toISOString()) return "now()";
  if (value.startsWith("[{")) return draftsOf(value);
  if (/[:'\\]/.test(value)) throw new Error("Cannot write a parameter with a colon or a quote");
  return `'${value}'`;
}

function draftsOf(json: string): string {
  const drafts = JSON.parse(json) as Record<string, unknown>[];
  const objects = drafts.map((draft) => {
    const pairs = Object.entries(draft).flatMap(([key, value]) => [
      `'${key}'`,
      Array.isArray(value) || (typeof value === "object" && value !== null)
        ? `'${JSON.stringify(value)}'::jsonb`
        : literalOf(value, []),
    ]);
    return `jsonb_build_object(${pairs.join(", ")})`;
  });
  return `jsonb_build_array(${objects.join(", ")})`;
}
