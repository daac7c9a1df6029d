import { expect, test } from "bun:test";

import { openDatabase } from "../../src/platform/database.ts";
import { createReadiness } from "../../src/platform/readiness.ts";
import { openRedis } from "../../src/platform/redis.ts";
import { openTestDatabase, silentLog } from "../support/database.ts";
import { testServices } from "../support/services.ts";

test("readiness follows the start, Redis, Postgres and the stop", async () => {
  await using database = await openTestDatabase();
  const { redisUrl } = await testServices();
  const db = await openDatabase({ url: database.url, rolePrefix: "frm", poolSize: 1 });
  const redis = await openRedis({ url: new URL(redisUrl), log: silentLog, name: "readiness" });
  const begun = () => {
    const readiness = createReadiness({ db, redis });
    readiness.begin();
    return readiness;
  };

  const starting = createReadiness({ db, redis });
  expect(await starting.check()).toEqual({
    status: "unhealthy",
    checks: { database: true, redis: true, accepting: false },
  });
  const serving = begun();
  expect((await serving.check()).status).toBe("healthy");
  serving.end();
  expect((await serving.check()).status).toBe("unhealthy");

  await redis.close();
  expect(await begun().check()).toEqual({
    status: "degraded",
    checks: { database: true, redis: false, accepting: true },
  });
  await db.close();
  expect(await begun().check()).toEqual({
    status: "unhealthy",
    checks: { database: false, redis: false, accepting: true },
  });
});

test("however often it is asked, Postgres and Redis are asked once", async () => {
  const asked: string[] = [];
  const run = async (what: unknown) => void asked.push(typeof what === "string" ? "redis" : "db");
  const both = { db: { run }, redis: { run } } as unknown as Parameters<typeof createReadiness>[0];
  const readiness = createReadiness(both);
  await Promise.all(Array.from({ length: 50 }, () => readiness.check()));
  expect(asked.toSorted()).toEqual(["db", "redis"]);
});
