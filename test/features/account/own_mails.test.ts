import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { deletion, outcomeOf } from "../../support/lifecycle.ts";

let cluster: Cluster;
let server: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  server = await cluster.start({ LIMITS_SCALE: "1" });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function ask(path: string, person: Partial<Person>, body?: object): Promise<string> {
  const { token } = person;
  const options = { ...(token === undefined ? {} : { token }), ...(body ? { body } : {}) };
  return outcomeOf(await call("POST", `${server.url}/v1/account${path}`, options));
}

/** Uses up what anybody may have mailed to an address without a session. */
async function floodAsStranger(email: string): Promise<void> {
  const answers: string[] = [];
  for (let turn = 0; turn < 4; turn += 1)
    answers.push(await ask("/password/forgotten", {}, { email }));
  expect(answers.at(-1)).toBe("429 too_many_attempts");
}

test("strangers who have mails sent to an address keep its owner from nothing that a session may do", async () => {
  const lan = await signUp(server.url, "Lan");
  const email = `new.${lan.email}`;
  await floodAsStranger(lan.email);
  await floodAsStranger(email);
  expect(await ask("/email/verification", lan)).toBe("202");
  expect(await ask("/email", lan, { email })).toBe("202");
  expect(outcomeOf(await deletion("POST", server.url, lan.token))).toBe("202");
});

test("a user who asks for mails again and again is refused, and others are not, nor is the deletion", async () => {
  const [lan, minh] = [await signUp(server.url, "Lan"), await signUp(server.url, "Minh")];
  const answers: string[] = [];
  for (let turn = 0; turn < 5; turn += 1) answers.push(await ask("/email/verification", lan));
  const refused = "429 too_many_attempts";
  expect(answers).toEqual(["202", "202", "202", refused, refused]);
  expect(await ask("/email", lan, { email: `new.${lan.email}` })).toBe(refused);
  expect(await ask("/email/verification", minh)).toBe("202");
  expect(outcomeOf(await deletion("POST", server.url, lan.token))).toBe("202");
});

test("one address is not flooded by many users who all want to move to it", async () => {
  const [lan, ...others] = [
    await signUp(server.url, "Lan"),
    await signUp(server.url, "A"),
    await signUp(server.url, "B"),
    await signUp(server.url, "C"),
  ];
  const email = { email: `wanted.${lan?.email}` };
  for (const person of others) expect(await ask("/email", person, email)).toBe("202");
  expect(lan && (await ask("/email", lan, email))).toBe("429 too_many_attempts");
});

test("a deletion that is asked for and taken back without end is refused in the end", async () => {
  const lan = await signUp(server.url, "Lan");
  const answers: string[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    answers.push(outcomeOf(await deletion("POST", server.url, lan.token)));
    if (turn < 3) await deletion("DELETE", server.url, lan.token);
  }
  expect(answers).toEqual(["202", "202", "202", "429 too_many_attempts"]);
});
