/**
 * Gives somebody who has registered a role: `bun run admin role lan@example.com admin`. It works at the database of
 * DATABASE_URL, or at the embedded one, whether or not the product is running, and leaves an entry in the user's log.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { appoint, type Appointment } from "../src/features/admin/service/appoint.ts";
import { type Config, readConfig } from "../src/platform/config.ts";
import { openDatabase } from "../src/platform/database.ts";
import { DATABASE, SUPERUSER } from "../src/platform/embedded/postgres_cluster.ts";
import { EmbeddedError, openEmbeddedServices } from "../src/platform/embedded/services.ts";
import { StartError } from "../src/platform/errors.ts";
import type { AccountRole } from "../src/platform/permissions.ts";

const USAGE = "Usage: bun run admin role <e-mail> user|moderator|admin";
const ROLES: readonly string[] = ["user", "moderator", "admin"] satisfies AccountRole[];
/** The line of the pid file in which Postgres says where its socket is. */
const SOCKET_LINE = 4;

function isRole(text: string): text is AccountRole {
  return ROLES.includes(text);
}

function outcomeOf(outcome: Appointment, email: string, role: string): string {
  switch (outcome) {
    case "changed":
      return `${email} has the role ${role} now`;
    case "unchanged":
      return `${email} has the role ${role} already`;
    case "unknown":
      return `Cannot give "${email}" a role: nobody has registered with this address`;
    case "last_admin":
      return `Cannot take the role of "${email}": there is no other admin; appoint one first`;
  }
}

async function run(config: Config, [command, email = "", role = ""]: string[]): Promise<boolean> {
  if (command !== "role" || email === "" || !isRole(role)) {
    console.error(USAGE);
    return false;
  }
  await using stack = new AsyncDisposableStack();
  const url = config.databaseUrl ?? (await openEmbedded(config, stack));
  const db = await openDatabase({ url, rolePrefix: config.dbRolePrefix, poolSize: 1 });
  stack.defer(() => db.close());
  const outcome = await appoint(db, { email, role, now: new Date() });
  const fine = outcome === "changed" || outcome === "unchanged";
  console[fine ? "log" : "error"](outcomeOf(outcome, email, role));
  return fine;
}

/** The embedded Postgres, which belongs to the running product where there is one. */
async function openEmbedded({ dataDir }: Config, stack: AsyncDisposableStack): Promise<URL> {
  try {
    const progress = (line: string) => console.error(line);
    const services = stack.use(
      await openEmbeddedServices({ dataDir, postgres: true, redis: false, progress }),
    );
    return new URL(services.databaseUrl ?? "");
  } catch (error) {
    const running = findSocket(dataDir);
    if (!(error instanceof EmbeddedError) || running === undefined) throw error;
    return new URL(
      `postgres://${SUPERUSER}@localhost/${DATABASE}?host=${encodeURIComponent(running)}`,
    );
  }
}

function findSocket(dataDir: string): string | undefined {
  try {
    const lines = readFileSync(join(dataDir, "postgres", "postmaster.pid"), "utf8").split("\n");
    return lines[SOCKET_LINE] || undefined;
  } catch {
    return undefined;
  }
}

try {
  process.exitCode = (await run(await readConfig(Bun.env), Bun.argv.slice(2))) ? 0 : 1;
} catch (error) {
  if (!(error instanceof StartError || error instanceof EmbeddedError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
