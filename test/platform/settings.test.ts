import { expect, test } from "bun:test";

import { readConfig } from "../../src/platform/config.ts";
import { StartError } from "../../src/platform/errors.ts";
import { parseSigningKeys, readSettings, SETTINGS } from "../../src/platform/settings.ts";

async function refusal(env: Record<string, string>): Promise<string> {
  const outcome = await readConfig(env).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(StartError);
  return (outcome as StartError).message;
}

test("defaults are those of a laptop", async () => {
  const config = await readConfig({});
  expect([config.production, config.host, config.port]).toEqual([false, "127.0.0.1", 3000]);
  expect([...config.roles]).toEqual(["api", "socket", "relay", "worker"]);
});

test("every wrong setting is named with what is expected, and no value is repeated", async () => {
  const message = await refusal({
    PORT: "canary-port",
    ROLE: "api,canary-role",
    DATABASE_URL: "mysql://canary-secret@host/db",
    REDIS_URL: "canary",
    LOG_LEVEL: "loud-canary",
    WEB_ORIGINS: "https://a.example/canary",
  });
  for (const name of ["PORT", "ROLE", "DATABASE_URL", "REDIS_URL", "LOG_LEVEL", "WEB_ORIGINS"])
    expect(message).toContain(`${name} must be`);
  expect(message).not.toContain("canary");
});

test("production names what is missing and refuses development values", async () => {
  expect(await refusal({ NODE_ENV: "production" })).toContain(
    "DATABASE_URL, REDIS_URL, JWT_KEYS, PUBLIC_URL",
  );
});

test("TLS needs both files", async () => {
  expect(await refusal({ TLS_CERT: "/x" })).toContain("TLS_KEY");
});

test("a value can come from a file, but not from both places", async () => {
  const file = `${import.meta.dir}/../../LICENSE`;
  expect(await refusal({ PORT_FILE: file })).toContain("PORT must be");
  expect(await refusal({ PORT_FILE: file, PORT: "1" })).toContain("both set");
  expect(await refusal({ PORT_FILE: "/does/not/exist" })).toContain("PORT_FILE");
});

test("signing keys are private Ed25519 keys with distinct names", () => {
  const key = { kty: "OKP", crv: "Ed25519", x: "eA", d: "ZA", kid: "a" };
  expect(parseSigningKeys(JSON.stringify([key]))).toHaveLength(1);
  for (const wrong of [[], [key, key], [{ ...key, d: undefined }], [{ ...key, crv: "P-256" }], {}])
    expect(parseSigningKeys(JSON.stringify(wrong))).toBeUndefined();
  expect(parseSigningKeys("{")).toBeUndefined();
});

test("every default is a valid value", async () => {
  const values = await readSettings({});
  for (const [name, setting] of Object.entries(SETTINGS))
    if ("default" in setting) expect(values[name as keyof typeof SETTINGS]).toBeDefined();
});
