import { expect, test } from "bun:test";

import { call, type Person, signUp } from "../../support/client.ts";
import { signUpAs } from "../../support/contract_staff.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";
import { openTestRedisServer } from "../../support/redis_server.ts";

async function seen({ url }: Instance, { token }: Person): Promise<string> {
  const { status, body } = await call("GET", `${url}/v1/me`, { token });
  return status === 200 ? String(body["role"]) : String(body["code"]);
}

async function isReady({ url }: Instance, wanted: string): Promise<boolean> {
  return (await call("GET", `${url}/health/ready`)).body["status"] === wanted;
}

async function openPair(cluster: Cluster, urls: URL[]): Promise<[Instance, Instance, Person]> {
  const [first, second] = (await Promise.all(
    urls.map((url) => cluster.start({ REDIS_URL: url.href })),
  )) as [Instance, Instance];
  const admin = await signUpAs("admin", { url: first.url, sql: cluster.database.sql });
  return [first, second, admin];
}

test("rights that change while Redis is away count at once, and still do when it is back with its old copies", async () => {
  await using redis = await openTestRedisServer();
  await using cluster = await openCluster();
  const [first, second, admin] = await openPair(cluster, [redis.url, redis.url]);
  const [lan, minh] = [await signUp(first.url, "Lan"), await signUp(first.url, "Minh")];
  const change = ({ id }: Person, body: object) =>
    call("PATCH", `${first.url}/v1/admin/users/${id}`, { token: admin.token, body });
  for (const person of [lan, minh])
    for (const instance of [first, second]) expect(await seen(instance, person)).toBe("user");

  await redis.stop();
  for (const instance of [first, second])
    await until("the loss to be noticed", () => isReady(instance, "degraded"));
  expect((await change(lan, { role: "moderator" })).status).toBe(200);
  expect((await change(minh, { banned: true })).status).toBe(200);
  const expectChanged = async () => {
    for (const instance of [first, second]) {
      expect(await seen(instance, lan)).toBe("moderator");
      expect(await seen(instance, minh)).toBe("session_revoked");
    }
  };
  await expectChanged();

  await redis.start();
  for (const instance of [first, second])
    await until("redis to be back", async () => {
      await expectChanged();
      return await isReady(instance, "healthy");
    });
  await expectChanged();
}, 60_000);

test("what an instance cannot tell Redis in the middle of a change, another one tells it", async () => {
  await using redis = await openTestRedisServer();
  using detour = redis.openDetour();
  await using cluster = await openCluster();
  const [first, second, admin] = await openPair(cluster, [detour.url, redis.url]);
  const lan = await signUp(second.url, "Lan");
  expect(await seen(second, lan)).toBe("user");
  expect(detour.silence("frm-ai-commands")).toBeGreaterThan(0);
  const answer = await call("PATCH", `${first.url}/v1/admin/users/${lan.id}`, {
    token: admin.token,
    body: { role: "moderator" },
  });
  expect(answer.status).toBe(200);
  await until(
    "the other instance to see it",
    async () => (await seen(second, lan)) === "moderator",
  );
}, 60_000);
