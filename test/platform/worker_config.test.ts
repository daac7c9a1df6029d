import { expect, test } from "bun:test";

import { readConfig } from "../../src/platform/config.ts";
import { StartError } from "../../src/platform/errors.ts";
import { generateSigningKey } from "../../src/platform/tokens.ts";
import { readWorkerConfig, workerEnvironment } from "../../src/platform/worker_config.ts";

const places = {
  databaseUrl: new URL("postgres://frm@localhost/frm?host=/tmp/pg"),
  redisUrl: new URL("redis+unix:///tmp/redis.sock"),
  publicUrl: new URL("https://frm.example"),
};

test("a worker is given what its jobs need, and no key, no login of an admin, and nothing of the machine", async () => {
  const secret = "postgres://admin:geheim@localhost/frm";
  const key = await generateSigningKey();
  const config = await readConfig({
    DATABASE_ADMIN_URL: secret,
    JWT_KEYS: JSON.stringify([key]),
    REDIS_PREFIX: "other",
    MAIL_FROM: "Sàn <post@example.com>",
    WEB_ORIGINS: "https://web.example",
  });
  const env = workerEnvironment(config, places);
  expect(Object.keys(env).toSorted()).toEqual([
    "DATABASE_URL",
    "DATA_DIR",
    "DB_ROLE_PREFIX",
    "LIMITS_SCALE",
    "LOG_LEVEL",
    "MAIL_FROM",
    "NODE_ENV",
    "PUBLIC_URL",
    "REDIS_PREFIX",
    "REDIS_URL",
  ]);
  expect(JSON.stringify(env)).not.toContain("geheim");
  expect(JSON.stringify(env)).not.toContain(key.d);

  const read = await readWorkerConfig(env);
  expect(read).toMatchObject({ ...places, production: false });
  expect([read.redisPrefix, read.mailFrom, read.dataDir]).toEqual([
    "other",
    "Sàn <post@example.com>",
    config.dataDir,
  ]);
});

test("a worker without its places does not start", async () => {
  const outcome = await readWorkerConfig({}).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(StartError);
  expect((outcome as Error).message).toContain("DATABASE_URL, REDIS_URL, PUBLIC_URL");
});
