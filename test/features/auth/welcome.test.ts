import { expect, test } from "bun:test";
import { join } from "node:path";

import { createKeys } from "../../../src/platform/keys.ts";
import { DEFAULT_QUEUE } from "../../../src/platform/queue/definition.ts";
import { createJobStore } from "../../../src/platform/queue/store.ts";
import { createSupervisor } from "../../../src/platform/queue/supervisor.ts";
import { openRedis } from "../../../src/platform/redis.ts";
import { call, PASSWORD, signUp } from "../../support/client.ts";
import { silentLog } from "../../support/database.ts";
import { type Cluster, openCluster } from "../../support/instance.ts";
import { listMails, mailTo } from "../../support/mailbox.ts";
import { until } from "../../support/poll.ts";
import { testServices } from "../../support/services.ts";

const SLOW_MS = 60_000;
const AD = "Your prize: <b>https://prize.example</b>";

test("registering delivers one welcome mail, in the user's language, without a name, and a refused registration none", async () => {
  await using cluster = await openCluster();
  const { url } = await cluster.start({
    MAIL_FROM: "Chợ <post@example.vn>",
    PUBLIC_URL: "http://localhost:1",
  });
  const register = (email: string, language: string) =>
    call("POST", `${url}/v1/auth/register`, {
      headers: { "accept-language": language },
      body: { email, password: PASSWORD, displayName: AD, transport: "body" },
    });
  expect((await register("lan@example.com", "vi-VN,vi;q=0.9")).status).toBe(201);
  expect((await register("ann@example.com", "en")).status).toBe(201);
  expect((await register("LAN@example.com", "en")).status).toBe(409);

  const [vietnamese] = await mailTo(cluster.dataDir, "lan@example.com");
  const [english] = await mailTo(cluster.dataDir, "ann@example.com");
  expect(vietnamese?.subject).toBe("Chào mừng bạn đến với FRM-AI");
  expect(vietnamese?.text).toContain("Chào bạn,");
  expect(english?.text).toContain("Hello there,");
  // Whoever registers with somebody else's address has us carry nothing to them.
  for (const mail of [vietnamese, english]) expect(JSON.stringify(mail)).not.toContain("prize");
  expect(vietnamese?.from).toMatchObject({ name: "Chợ", address: "post@example.vn" });
  expect(english?.subject).toBe("Welcome to FRM-AI");
  expect(english?.text).toContain("http://localhost:1/");

  await untilSettled(cluster);
  expect(await listMails(cluster.dataDir)).toHaveLength(2);
});

test("an instance killed between the commit and the mail leaves the mail to another, which sends it once", async () => {
  await using cluster = await openCluster();
  const doomed = await cluster.start({ ROLE: "api" });
  const person = await signUp(doomed.url);
  await doomed.kill();
  expect(await listMails(cluster.dataDir)).toHaveLength(0);

  await Promise.all([cluster.start(), cluster.start()]);
  await mailTo(cluster.dataDir, person.email);
  await untilSettled(cluster);
  expect(await listMails(cluster.dataDir)).toHaveLength(1);
});

test(
  "a process killed in the middle of the job leaves it to another",
  async () => {
    await using cluster = await openCluster();
    const api = await cluster.start({ ROLE: "api" });
    const person = await signUp(api.url);
    const { sql } = cluster.database;
    const release = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    // While the table is locked, the job waits in its first statement.
    const locking = sql.begin(async (tx) => {
      await tx`lock table app.accounts in access exclusive mode`;
      locked.resolve();
      await release.promise;
    });
    await locked.promise;
    const doomed = await cluster.start({ ROLE: "relay,worker", WORKERS: "1" });
    await until("the job to wait for the lock", async () => {
      const waiting = await sql`
        select 1 from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like '%accounts%'`;
      return waiting.length > 0;
    });
    await doomed.kill();
    release.resolve();
    await locking;
    expect(await listMails(cluster.dataDir)).toHaveLength(0);

    await cluster.start({ ROLE: "relay,worker" });
    await until("the mail", async () => (await listMails(cluster.dataDir)).length > 0, SLOW_MS);
    await untilSettled(cluster);
    const mails = await mailTo(cluster.dataDir, person.email);
    expect(mails).toHaveLength(1);
  },
  SLOW_MS,
);

test(
  "a worker thread that ends in the middle of the job is replaced, and the mail is sent once",
  async () => {
    await using cluster = await openCluster();
    const { url } = await cluster.start({ ROLE: "api,relay" });
    const { redisUrl } = await testServices();
    const redis = await openRedis({ url: new URL(redisUrl), log: silentLog, name: "test" });
    const keys = createKeys(cluster.redisPrefix);
    const marker = join(cluster.dataDir, "ended");
    const supervisor = createSupervisor({
      count: 1,
      spawn: () =>
        new Worker(new URL("../../support/ending_worker.ts", import.meta.url), {
          env: {
            DATABASE_URL: cluster.database.url.href,
            REDIS_URL: redisUrl,
            REDIS_PREFIX: cluster.redisPrefix,
            PUBLIC_URL: url,
            DATA_DIR: cluster.dataDir,
            LOG_LEVEL: "error",
            ENDED_MARKER: marker,
          },
        }),
      store: createJobStore({ redis, keys, queue: DEFAULT_QUEUE }),
      nodeId: Bun.randomUUIDv7(),
      log: { ...silentLog, error: () => undefined },
    });
    supervisor.start();
    try {
      const person = await signUp(url);
      await until("the thread to end", () => Bun.file(marker).exists());
      await mailTo(cluster.dataDir, person.email);
      await untilSettled(cluster);
      expect(await listMails(cluster.dataDir)).toHaveLength(1);
    } finally {
      await supervisor.stop();
      await redis.close();
    }
  },
  SLOW_MS,
);

/** When no row is left, everything that was asked for is done and nothing runs again. */
async function untilSettled({ database }: Cluster): Promise<void> {
  await until("an empty job outbox", async () => {
    const rows = await database.sql`select 1 from app.job_outbox`;
    return rows.length === 0;
  });
}
