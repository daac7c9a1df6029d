import { expect, test } from "bun:test";
import { isAbsolute } from "node:path";

import { readConfig } from "../../src/platform/config.ts";
import { StartError } from "../../src/platform/errors.ts";
import { generateSigningKey } from "../../src/platform/tokens.ts";

const key = await generateSigningKey();
const PRODUCTION = {
  NODE_ENV: "production",
  DATABASE_URL: "postgres://frm:canary-db@db.example/frm",
  REDIS_URL: "rediss://:canary-redis@redis.example",
  JWT_KEYS: JSON.stringify([key]),
  PUBLIC_URL: "https://api.example.com",
};

async function refusal(change: Record<string, string>): Promise<string> {
  const outcome = await readConfig({ ...PRODUCTION, ...change }).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(StartError);
  return (outcome as StartError).message;
}

test("a complete production starts, and listens on every address", async () => {
  const config = await readConfig(PRODUCTION);
  expect([config.production, config.host, config.tls]).toEqual([true, "0.0.0.0", undefined]);
  expect(config.jwtKeys).toEqual([key]);
});

test("production does not start without one of its four requirements, and names only that one", async () => {
  const required = ["DATABASE_URL", "REDIS_URL", "JWT_KEYS", "PUBLIC_URL"];
  for (const missing of required) {
    const message = await refusal({ [missing]: "" });
    expect(required.filter((name) => message.includes(name))).toEqual([missing]);
    expect(message).not.toContain("canary");
    expect(message).not.toContain(key.d);
  }
});

test("production refuses scaled limits and a public address without TLS, by name and not by value", async () => {
  expect(await refusal({ LIMITS_SCALE: "1000" })).toMatch(/^(?!.*1000).*LIMITS_SCALE must be 1$/);
  const message = await refusal({ PUBLIC_URL: "http://canary.example" });
  expect(message).toContain("PUBLIC_URL must start with https://");
  expect(message).not.toContain("canary");
});

test("a signing key that is not one is refused without a character of it", async () => {
  const message = await refusal({ JWT_KEYS: JSON.stringify([{ ...key, kty: "EC" }]) });
  expect(message).toContain("JWT_KEYS must be");
  for (const part of [key.d, key.x, key.kid]) expect(message).not.toContain(part);
});

test("migrations use the database's own login unless another is named", async () => {
  const same = await readConfig(PRODUCTION);
  expect(same.databaseAdminUrl?.href).toBe(PRODUCTION.DATABASE_URL);
  const other = await readConfig({ ...PRODUCTION, DATABASE_ADMIN_URL: "postgres://admin@db/frm" });
  expect([other.databaseAdminUrl?.username, other.databaseUrl?.username]).toEqual(["admin", "frm"]);
});

test("without URLs the services are embedded, in a folder named absolutely", async () => {
  const config = await readConfig({ DATA_DIR: "somewhere" });
  expect([config.databaseUrl, config.databaseAdminUrl, config.redisUrl]).toEqual(
    Array<undefined>(3).fill(undefined),
  );
  expect(isAbsolute(config.dataDir)).toBe(true);
});

test("TLS is on with both files", async () => {
  const { tls } = await readConfig({ TLS_CERT: "cert.pem", TLS_KEY: "key.pem" });
  expect(tls).toEqual({ cert: "cert.pem", key: "key.pem" });
});
