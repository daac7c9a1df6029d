import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, type Person } from "../../support/client.ts";
import { signUpAs } from "../../support/contract_staff.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { deletion, outcomeOf, sendAway } from "../../support/lifecycle.ts";

let cluster: Cluster;
let server: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  server = await cluster.start({ ROLE: "api" });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function signUpAdmin(): Promise<Person> {
  return await signUpAs("admin", { url: server.url, sql: cluster.database.sql });
}

async function ask(method: string, { token }: Person): Promise<string> {
  return outcomeOf(await deletion(method, server.url, token));
}

async function change(actor: Person, { id }: Person, body: object): Promise<string> {
  const path = `${server.url}/v1/admin/users/${id}`;
  return outcomeOf(await call("PATCH", path, { token: actor.token, body }));
}

test("the last admin cannot have their account erased, and is none of the two who stay when both ask at once", async () => {
  const lan = await signUpAdmin();
  await sendAway(cluster.database.sql, lan);
  expect(await ask("POST", lan)).toBe("409 last_admin");
  const minh = await signUpAdmin();
  const asked = await Promise.all([ask("POST", lan), ask("POST", minh)]);
  expect(asked.toSorted()).toEqual(["202", "409 last_admin"]);
  const [staying] = await cluster.database.sql`
    select 1 from app.accounts where role = 'admin' and deletion_due_at is null`;
  expect(staying).toBeDefined();
  const [leaver, last] = asked[0] === "202" ? [lan, minh] : [minh, lan];
  expect(await ask("DELETE", leaver)).toBe("204");
  expect(await ask("POST", last)).toBe("202");
});

test("who is banned is none of the admins that are left", async () => {
  const [lan, minh] = [await signUpAdmin(), await signUpAdmin()];
  await sendAway(cluster.database.sql, lan);
  const { sql } = cluster.database;
  await sql`update app.accounts set deletion_due_at = null where user_id = ${minh.id}`;
  expect(await change(lan, minh, { banned: true })).toBe("200");
  expect(await ask("POST", lan)).toBe("409 last_admin");
  expect(await change(lan, minh, { banned: false })).toBe("200");
  expect(await ask("POST", lan)).toBe("202");
});

test("an admin who is about to go takes the rights of the last one who stays by no means", async () => {
  const [lan, minh] = [await signUpAdmin(), await signUpAdmin()];
  await sendAway(cluster.database.sql, minh);
  expect(await change(lan, minh, { role: "moderator" })).toBe("409 last_admin");
  expect(await change(lan, minh, { banned: true })).toBe("409 last_admin");
  expect(await change(lan, minh, { tier: "premium" })).toBe("200");
  expect(await change(minh, lan, { role: "user" })).toBe("200");
});
