import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, type Person, signIn, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { linksTo, linkTo } from "../../support/mailed_links.ts";

let cluster: Cluster;
let first: Instance;
let second: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  [first, second] = await Promise.all([cluster.start(), cluster.start()]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const WELCOME = /Chào mừng|Welcome/;
const RESENT = /Xác nhận địa chỉ email của bạn|Confirm your e-mail address/;

async function isVerified({ token }: Person, url: string): Promise<unknown> {
  return (await call("GET", `${url}/v1/me`, { token })).body["emailVerified"];
}

async function confirm(token: string, url = first.url): Promise<string> {
  const { status, body } = await call("POST", `${url}/v1/account/email/verification/confirm`, {
    body: { token },
  });
  return status === 204 ? "204" : `${status} ${String(body["code"])}`;
}

async function resend({ token }: Person): Promise<number> {
  return (await call("POST", `${first.url}/v1/account/email/verification`, { token })).status;
}

test("the link of the welcome mail confirms the address once, for every session on every instance", async () => {
  const lan = await signUp(first.url);
  const phone = await signIn(second.url, lan);
  expect(await isVerified(lan, first.url)).toBe(false);
  expect(await isVerified(phone, second.url)).toBe(false);
  const token = await linkTo(cluster.dataDir, lan.email, WELCOME);
  expect(await confirm(token)).toBe("204");
  expect(await isVerified(lan, first.url)).toBe(true);
  expect(await isVerified(phone, second.url)).toBe(true);
  expect(await confirm(token)).toBe("400 link_invalid");
});
