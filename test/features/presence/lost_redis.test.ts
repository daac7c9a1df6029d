import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, converse, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { wipeRedis } from "../../support/platform.ts";
import { until } from "../../support/poll.ts";
import { openSocket } from "../../support/socket.ts";

const LIMIT_MS = 40_000;
const TEST_MS = 90_000;

/** Instances start slowly on a busy machine. */
const START_MS = 90_000;

let cluster: Cluster;
let instance: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  instance = await cluster.start();
}, START_MS);
afterAll(() => cluster[Symbol.asyncDispose]());

test(
  "a Redis that has lost everything knows everybody again in a moment",
  async () => {
    const { url } = instance;
    const [lan, minh] = [await signUp(url), await signUp(url)];
    await converse(url, lan.token, { kind: "direct", userId: minh.id });
    const isOnline = async () => {
      const { body } = await call("GET", `${url}/v1/presence?userIds=${lan.id}`, minh);
      const [item] = body["items"] as { status: string }[];
      return item?.status === "online";
    };
    const phone = await openSocket(url, lan.token);
    await until("the first word", isOnline, LIMIT_MS);
    await wipeRedis(cluster);
    expect(await isOnline()).toBe(false);
    await until("the second word", isOnline, LIMIT_MS);
    phone.close();
  },
  TEST_MS,
);
