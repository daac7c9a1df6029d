import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  type EmbeddedServices,
  openEmbeddedServices,
} from "../../src/platform/embedded/services.ts";
import { AppError, StartError } from "../../src/platform/errors.ts";
import { assertRedisIsFit, openRedis, type Redis } from "../../src/platform/redis.ts";
import { silentLog as log } from "../support/database.ts";
import { until } from "../support/poll.ts";

const dataDir = mkdtempSync(join(tmpdir(), "frm-redis-"));
let services: EmbeddedServices;
let redis: Redis;

function openOwn(): Promise<EmbeddedServices> {
  const progress = () => undefined;
  return openEmbeddedServices({ dataDir, postgres: false, redis: true, durable: false, progress });
}

beforeAll(async () => {
  services = await openOwn();
  redis = await openRedis({ url: new URL(services.redisUrl ?? ""), log, name: "test" });
});
afterAll(async () => {
  await redis.close();
  await services.close();
  rmSync(dataDir, { recursive: true, force: true });
});

function ping(): Promise<unknown> {
  return redis.run("ping", (client) => client.ping()).catch((error: unknown) => error);
}

test("commands fail at once while Redis is away and work again after it returns", async () => {
  const quiet = { ...log, warn: () => undefined };
  const watched = await openRedis({ url: new URL(services.redisUrl ?? ""), log: quiet, name: "w" });
  const returned = Promise.withResolvers<void>();
  watched.onReady(() => returned.resolve());
  expect(await ping()).toBe("PONG");
  await services.close();
  await until("the loss", () => !redis.isReady() && !watched.isReady());
  const began = performance.now();
  const answers = await Promise.all(Array.from({ length: 20 }, ping));
  expect(performance.now() - began).toBeLessThan(100);
  for (const answer of answers) {
    expect(answer).toBeInstanceOf(AppError);
    expect((answer as AppError).kind.code).toBe("dependency_unavailable");
  }
  services = await openOwn();
  await returned.promise;
  await until("the return", () => redis.isReady());
  expect(await ping()).toBe("PONG");
  await watched.close();
});

test("a command that is under way when its connection is made anew is told that Redis is away", async () => {
  const quiet = { ...log, warn: () => undefined };
  const own = await openRedis({
    url: new URL(services.redisUrl ?? ""),
    log: quiet,
    name: "renewed",
  });
  try {
    const blocked = own
      .run("wait for a key", (client) => client.blPop("nobody writes this", 5))
      .catch((error: unknown) => error);
    own.renew();
    const error = await blocked;
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).kind.code).toBe("dependency_unavailable");
    await until("the new connection", () => own.isReady());
    expect(await own.run("ping", (client) => client.ping())).toBe("PONG");
  } finally {
    await own.close();
  }
});

test("a Redis that may evict our keys is refused", async () => {
  await redis.client.configSet("maxmemory-policy", "allkeys-lru");
  try {
    expect(await assertRedisIsFit(redis, log).catch((error: unknown) => error)).toBeInstanceOf(
      StartError,
    );
  } finally {
    await redis.client.configSet("maxmemory-policy", "noeviction");
  }
  await assertRedisIsFit(redis, { ...log, warn: () => undefined });
});

test("a wrong command stays the caller's bug, not Redis being away", async () => {
  const wrong = redis.run("be wrong", (client) => client.sendCommand(["NOSUCH"]));
  expect(await wrong.catch((error: unknown) => error)).not.toBeInstanceOf(AppError);
});
