import { afterAll, beforeAll, expect, test } from "bun:test";

import { sql } from "drizzle-orm";

import { openDatabase } from "../../src/platform/database.ts";
import { connectionOptions } from "../../src/platform/database_pool.ts";
import { openTestDatabase, type TestDatabase } from "../support/database.ts";
import { until } from "../support/poll.ts";
import { countLeft, leave, outcomeOf } from "../support/transactions.ts";

const SILENCE_MS = 300;
const TIMEOUT_MS = 100;
const ACTOR = { role: "app", userId: Bun.randomUUIDv7() } as const;
let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

interface Ends {
  server?: Bun.Socket;
  early: Buffer[];
  /** Nothing gets through any more, and nobody is told. */
  lost: boolean;
}

/** A way to Postgres on which hosts can vanish: what is connected stays so and hears nothing, what is new works. */
function openRoute(target: URL) {
  const { host, url } = connectionOptions(target);
  const { hostname, port } = new URL(url);
  const place = host === undefined ? { hostname, port: Number(port || 5432) } : { unix: host };
  const routes = new Set<Ends>();
  const listener = Bun.listen<Ends>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: async (client) => {
        const ends: Ends = (client.data = { early: [], lost: false });
        routes.add(ends);
        const server = await Bun.connect({
          ...place,
          socket: {
            data: (_, bytes) => void (ends.lost || client.write(bytes)),
            close: () => void (ends.lost || client.end()),
          },
        } as Parameters<typeof Bun.connect>[0]);
        for (const bytes of ends.early) server.write(bytes);
        ends.server = server as Bun.Socket;
      },
      data: ({ data: ends }, bytes) => {
        if (ends.lost) return;
        if (ends.server) ends.server.write(bytes);
        else ends.early.push(Buffer.from(bytes));
      },
    },
  });
  const own = new URL(target);
  own.searchParams.delete("host");
  own.hostname = "127.0.0.1";
  own.port = String(listener.port);
  return {
    url: own,
    vanish: () => {
      for (const ends of routes) ends.lost = true;
    },
    [Symbol.dispose]: () => listener.stop(true),
  };
}

test("a host that vanishes does not keep the pool's connections", async () => {
  using route = openRoute(database.url);
  const options = { url: route.url, rolePrefix: "frm", poolSize: 1, silenceMs: SILENCE_MS };
  const db = await openDatabase(options);
  const mark = (text: string) => db.run(ACTOR, (tx) => leave(tx, text), { timeoutMs: TIMEOUT_MS });
  await mark("before");
  route.vanish();
  expect(await outcomeOf(mark("lost"))).toBe("overloaded");
  await until("the pool to work again", async () => (await outcomeOf(mark("after"))) === "done");
  expect(await countLeft(database, "lost")).toBe(0);
  await db.close();
});

test("a connection that is only quiet is kept", async () => {
  using route = openRoute(database.url);
  const options = { url: route.url, rolePrefix: "frm", poolSize: 1, silenceMs: SILENCE_MS };
  const db = await openDatabase(options);
  const pidOf = () =>
    db.run({ role: "auth" }, async (tx) => {
      const [row] = await tx.execute(sql`select pg_backend_pid() as pid, pg_sleep(0.5)`);
      return row?.["pid"];
    });
  expect(await pidOf()).toBe(await pidOf());
  await db.close();
});
