import { call, converse, signUp } from "./client.ts";
import type { TestDatabase } from "./database.ts";
import { enableApp } from "./totp.ts";

/** Sends a message. @throws when it is refused. */
export async function say(
  { url, token }: { url: string; token: string },
  conversation: string,
  body: string,
): Promise<void> {
  const path = `${url}/v1/conversations/${conversation}/messages`;
  const answer = await call("POST", path, { token, body: { clientId: crypto.randomUUID(), body } });
  if (answer.status !== 201) throw new Error(`Cannot say it: ${JSON.stringify(answer.body)}`);
}

/** Somebody with rows in every table that is about them, with friends, two groups of their own, and thoughts. */
export async function openStage(url: string, database: TestDatabase) {
  const [lan, minh, hoa] = await Promise.all([
    signUp(url, "Lan"),
    signUp(url, "Minh"),
    signUp(url, "Hoa"),
  ]);
  const { token } = lan;
  await enableApp(url, lan, database);
  const email = { email: `new.${lan.email}` };
  await call("POST", `${url}/v1/account/email`, { token, body: email });
  const alone = await converse(url, token, { kind: "group", name: "Mine", memberIds: [] });
  const memberIds = [minh.id, hoa.id];
  const group = await converse(url, token, { kind: "group", name: "VN30", memberIds });
  const direct = await converse(url, token, { kind: "direct", userId: minh.id });
  const theirs = await converse(url, minh.token, { kind: "direct", userId: hoa.id });
  await say({ url, token }, alone, "a thought of mine");
  await say({ url, token }, group, "hello all");
  await say({ url, token: minh.token }, group, "hello Lan");
  await say({ url, token }, direct, "hello Minh");
  await say({ url, token: hoa.token }, theirs, "what do you think?");
  return { lan, minh, hoa, alone, group, direct, theirs };
}
