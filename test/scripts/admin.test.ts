import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";

import { call, type Person, signUp } from "../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../support/instance.ts";
import { until } from "../support/poll.ts";

const ROOT = join(import.meta.dir, "../..");

let cluster: Cluster;
let server: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  server = await cluster.start();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function admin(...words: string[]): Promise<{ code: number; out: string; error: string }> {
  const child = Bun.spawn([process.execPath, "scripts/admin.ts", ...words], {
    cwd: ROOT,
    env: {
      PATH: process.env["PATH"] ?? "",
      DATABASE_URL: cluster.database.url.href,
      DATA_DIR: cluster.dataDir,
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, out, error] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code, out, error };
}

async function roleOf({ token }: Person): Promise<unknown> {
  return (await call("GET", `${server.url}/v1/me`, { token })).body["role"];
}

test("the first admin is made at the database, is one in the running product within seconds, and can read why", async () => {
  const lan = await signUp(server.url, "Lan");
  expect(await roleOf(lan)).toBe("user");
  expect(await admin("role", lan.email.toUpperCase(), "admin")).toEqual({
    code: 0,
    out: `${lan.email.toUpperCase()} has the role admin now\n`,
    error: "",
  });
  await until("the running product to know", async () => (await roleOf(lan)) === "admin");
  const { body } = await call("GET", `${server.url}/v1/me/audit?limit=1`, { token: lan.token });
  expect((body as unknown as { items: object[] }).items).toMatchObject([
    { action: "admin.role_changed", actor: "system" },
  ]);
  expect(await admin("role", lan.email, "admin")).toMatchObject({
    code: 0,
    out: `${lan.email} has the role admin already\n`,
  });

  const refused = await admin("role", lan.email, "user");
  expect([refused.code, refused.out]).toEqual([1, ""]);
  expect(refused.error).toContain("there is no other admin");
  expect(await roleOf(lan)).toBe("admin");
  const minh = await signUp(server.url, "Minh");
  await admin("role", minh.email, "admin");
  expect((await admin("role", lan.email, "user")).code).toBe(0);
}, 60_000);

test.each([
  ["no words", []],
  ["another command", ["ban", "lan@example.com", "admin"]],
  ["a role that does not exist", ["role", "lan@example.com", "king"]],
])("%s: it prints how it is used, and changes nothing", async (_what, words) => {
  const { code, out, error } = await admin(...words);
  expect([code, out, error]).toEqual([
    1,
    "",
    "Usage: bun run admin role <e-mail> user|moderator|admin\n",
  ]);
});

test("an address that nobody has registered is named, and nothing is made", async () => {
  const { code, out, error } = await admin("role", "nobody@example.com", "admin");
  expect([code, out]).toEqual([1, ""]);
  expect(error).toContain('Cannot give "nobody@example.com" a role');
});
