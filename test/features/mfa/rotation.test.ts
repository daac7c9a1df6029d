import { afterAll, beforeAll, expect, test } from "bun:test";

import { generateSigningKey } from "../../../src/platform/tokens.ts";
import { call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";
import { type App, codeOf, enableApp, forgetCodes, logInWith } from "../../support/totp.ts";

const [old, newer] = await Promise.all([generateSigningKey(), generateSigningKey()]);

/** The product before a rotation of its keys, while both keys are listed, and after the old one was dropped. */
let cluster: Cluster;
let before: Instance;
let during: Instance;
let after: Instance;
let lan: Person;
let app: App;
let cursor: string;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  before = await cluster.start({ JWT_KEYS: JSON.stringify([old]) });
  lan = await signUp(before.url, "Lan");
  app = await enableApp(before.url, lan, cluster.database);
  for (const name of ["VN30", "HNX"])
    await converse(before.url, lan.token, { kind: "group", name, memberIds: [] });
  const { body } = await list(before, lan.token, "");
  cursor = `&cursor=${encodeURIComponent((body["page"] as { nextCursor: string }).nextCursor)}`;
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function list({ url }: Instance, token: string, more: string) {
  return call("GET", `${url}/v1/conversations?limit=1${more}`, { token });
}

async function keyOf({ id }: Person): Promise<unknown> {
  const [row] = await cluster.database.sql`
    select key_id from app.totp_secrets where user_id = ${id}`;
  return row?.["key_id"];
}

test("while both keys are listed apps and lists go on, and secrets are sealed with the newest", async () => {
  expect(await keyOf(lan)).toBe(old.kid);
  during = await cluster.start({ JWT_KEYS: JSON.stringify([newer, old]) });
  expect(await list(during, lan.token, cursor)).toMatchObject({
    status: 200,
    body: { items: [{}] },
  });
  await until("a secret whose owner did not come by to be sealed anew", async () => {
    return (await keyOf(lan)) === newer.kid;
  });
  await forgetCodes(cluster.database, lan);
  expect((await logInWith(during.url, lan, codeOf(app))).status).toBe(200);
});

test("a code that comes before that seals the secret anew as well", async () => {
  const minh = await signUp(before.url, "Minh");
  const his = await enableApp(before.url, minh, cluster.database);
  expect(await keyOf(minh)).toBe(old.kid);
  expect((await logInWith(during.url, minh, codeOf(his, 1))).status).toBe(200);
  expect(await keyOf(minh)).toBe(newer.kid);
});

test("then the old key may go, and with it what was signed with it", async () => {
  const hoa = await signUp(before.url, "Hoa");
  const hers = await enableApp(before.url, hoa, cluster.database);
  after = await cluster.start({ JWT_KEYS: JSON.stringify([newer]) });
  await forgetCodes(cluster.database, lan);
  const signedIn = await logInWith(after.url, lan, codeOf(app));
  expect(signedIn.status).toBe(200);
  expect((await list(after, lan.token, cursor)).status).toBe(401);
  const refused = await list(after, String(signedIn.body["accessToken"]), cursor);
  expect([refused.status, refused.body["code"]]).toEqual([400, "invalid_cursor"]);

  // Her secret came too late to be sealed anew: the operator is told, and no guess of hers is spent.
  await until("the warning", () => after.log().includes("their key is not in JWT_KEYS"));
  for (let turn = 0; turn < 6; turn += 1)
    expect((await logInWith(after.url, hoa, codeOf(hers, 1))).status).toBe(500);
  expect((await logInWith(after.url, hoa, hers.recoveryCodes[0])).status).toBe(200);
  expect((await logInWith(during.url, hoa, codeOf(hers, 1))).status).toBe(200);
  expect(after.log().includes(hers.text)).toBe(false);
});
