import { afterAll, beforeAll, expect, test } from "bun:test";

import { sweepReports } from "../../../src/features/moderation/service/report_sweep.ts";
import type { Opened } from "../../../src/platform/open.ts";
import { type Answer, call, converse, type Person, signUp } from "../../support/client.ts";
import { signUpAs } from "../../support/contract_staff.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openNode } from "../../support/platform.ts";
import { openSocket } from "../../support/socket.ts";

interface Details {
  id: string;
  state: string;
  action: string | null;
  note: string;
  messages: { seq: number; body: string; senderId: string; edits: { body: string }[] }[];
}

/** Processes start slowly where others are at work. */
const START_MS = 90_000;

let cluster: Cluster;
let server: Instance;
let node: Opened & AsyncDisposable;
let lan: Person;
let minh: Person;
let moderator: Person;

beforeAll(async () => {
  cluster = await openCluster();
  server = await cluster.start({ LIMITS_SCALE: "100" });
  node = await openNode(cluster);
  const { sql } = cluster.database;
  [lan, minh, moderator] = await Promise.all([
    signUp(server.url, "Lan"),
    signUp(server.url, "Minh"),
    signUpAs("moderator", { url: server.url, sql }),
  ]);
}, START_MS);
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

async function openGroup(...others: Person[]): Promise<string> {
  const memberIds = others.map(({ id }) => id);
  return await converse(server.url, lan.token, { kind: "group", name: "VN30", memberIds });
}
/** @returns the position of the message. */
async function say({ token }: Person, conversation: string, body: string): Promise<number> {
  const url = `${server.url}/v1/conversations/${conversation}/messages`;
  const message = { clientId: crypto.randomUUID(), body };
  return Number((await call("POST", url, { token, body: message })).body["seq"]);
}
function report({ token }: Person, conversationId: string, seq: number): Promise<Answer> {
  const body = { conversationId, seq, reason: "scam", note: "Asks for my password" };
  return call("POST", `${server.url}/v1/reports`, { token, body });
}
async function see(id: unknown, { token } = moderator): Promise<Details> {
  const answer = await call("GET", `${server.url}/v1/admin/reports/${String(id)}`, { token });
  return answer.body as unknown as Details;
}
function resolve(id: unknown, action: string, { token } = moderator): Promise<Answer> {
  const body = { action, note: "Seen" };
  const url = `${server.url}/v1/admin/reports/${String(id)}/resolve`;
  return call("POST", url, { token, body });
}
function outcomeOf({ status, body }: Answer): string {
  return status < 300 ? String(status) : `${status} ${String(body["code"])}`;
}
async function actionsOf({ id }: Person): Promise<string[]> {
  const rows = await cluster.database.sql<{ action: string }[]>`
    select action from app.audit_entries where user_id = ${id} and action like 'admin.%' order by id`;
  return rows.map(({ action }) => action);
}

test("a report keeps the message and five on either side as they were, whatever becomes of them", async () => {
  const group = await openGroup(minh);
  for (let n = 1; n <= 6; n += 1) await say(lan, group, `before ${n}`);
  const seq = await say(minh, group, "Give me your password");
  for (let n = 1; n <= 6; n += 1) await say(lan, group, `after ${n}`);
  const { sql } = cluster.database;
  await sql`insert into app.message_edits values (${group}, ${seq}, 0, 'Give me your PIN', now())`;
  const made = await report(lan, group, seq);
  expect(made.status).toBe(201);
  await sql`update app.messages set body = '', deleted_at = now() where conversation_id = ${group}`;
  await sql`delete from app.message_edits where conversation_id = ${group}`;
  const { messages, note, state } = await see(made.body["id"]);
  expect({ note, state }).toEqual({ note: "Asks for my password", state: "open" });
  expect(messages.map(({ body }) => body)).toEqual([
    "before 2",
    "before 3",
    "before 4",
    "before 5",
    "before 6",
    "Give me your password",
    "after 1",
    "after 2",
    "after 3",
    "after 4",
    "after 5",
  ]);
  expect(messages[5]).toMatchObject({
    seq,
    senderId: minh.id,
    edits: [{ body: "Give me your PIN" }],
  });
});

test("what the reporter may not read is in no report, and cannot be reported", async () => {
  const group = await openGroup(minh);
  const early = await say(minh, group, "before Hoa came");
  const hoa = await signUp(server.url, "Hoa");
  await call("PUT", `${server.url}/v1/conversations/${group}/members/${hoa.id}`, {
    token: lan.token,
  });
  const late = await say(minh, group, "after Hoa came");
  expect(outcomeOf(await report(hoa, group, early))).toBe("404 not_found");
  const made = await report(hoa, group, late);
  expect((await see(made.body["id"])).messages.map(({ body }) => body)).toEqual(["after Hoa came"]);
  const stranger = await signUp(server.url, "Stranger");
  expect(outcomeOf(await report(stranger, group, late))).toBe("404 not_found");
  expect(outcomeOf(await report(minh, group, late))).toBe("409 own_message");
  await cluster.database.sql`update app.messages set body = '', deleted_at = now()
    where conversation_id = ${group} and seq = ${early}`;
  expect(outcomeOf(await report(lan, group, early))).toBe("404 not_found");
});

test("the same message is reported once by each while that is open, however often they ask at once", async () => {
  const group = await openGroup(minh);
  const seq = await say(minh, group, "Buy now");
  const answers = await Promise.all(Array.from({ length: 5 }, () => report(lan, group, seq)));
  expect(new Set(answers.map(({ body }) => body["id"])).size).toBe(1);
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  await resolve(answers[0]?.body["id"], "dismiss");
  const again = await report(lan, group, seq);
  expect(again.status).toBe(201);
});

test("taking a message out leaves nothing of it, and every member is told in turn, but not by whom", async () => {
  const group = await openGroup(minh);
  const seq = await say(minh, group, "Buy now at evil.example");
  const { sql } = cluster.database;
  await sql`insert into app.message_edits values (${group}, ${seq}, 0, 'Buy at once', now())`;
  await sql`insert into app.message_reactions values (${group}, ${seq}, ${lan.id}, '+', now())`;
  await sql`insert into app.pinned_messages values (${group}, ${seq}, ${lan.id}, now())`;
  const socket = await openSocket(server.url, minh.token);
  const { body } = await report(lan, group, seq);
  const answers = await Promise.all([
    resolve(body["id"], "delete_message"),
    resolve(body["id"], "delete_message"),
  ]);
  expect(answers.map(outcomeOf).toSorted()).toEqual(["200", "409 report_resolved"]);
  const told = await socket.next(({ k }) => k === "msg.del", "the deletion");
  expect(told.d).toMatchObject({ messageSeq: seq, actorId: minh.id, byStaff: true });
  expect(JSON.stringify(socket.frames)).not.toContain(moderator.id);
  const [left] = await sql`
    select m.body, m.deleted_at is not null as deleted,
      (select count(*)::int from app.message_edits where conversation_id = ${group}) as edits,
      (select count(*)::int from app.message_reactions where conversation_id = ${group}) as reactions,
      (select count(*)::int from app.pinned_messages where conversation_id = ${group}) as pins,
      (select count(*)::int from app.conversation_events where conversation_id = ${group} and kind = 'msg.del') as events
    from app.messages m where conversation_id = ${group} and seq = ${seq}`;
  expect({ ...left }).toEqual({
    body: "",
    deleted: true,
    edits: 0,
    reactions: 0,
    pins: 0,
    events: 1,
  });
  expect((await see(body["id"])).messages.at(-1)?.body).toBe("Buy now at evil.example");
  expect(await actionsOf(minh)).toContain("admin.message_deleted");
  socket.close();
});

test("a warning reaches the one who is warned, and the reporter hears that something was done", async () => {
  const loud = await signUp(server.url, "Loud");
  const group = await openGroup(loud);
  const seq = await say(loud, group, "You fool");
  const [warned, reporter] = await Promise.all([
    openSocket(server.url, loud.token),
    openSocket(server.url, lan.token),
  ]);
  const { body } = await report(lan, group, seq);
  expect((await resolve(body["id"], "warn")).body).toMatchObject({
    action: "warn",
    state: "resolved",
  });
  const warning = await warned.next(({ k }) => k === "moderation.warning", "the warning");
  expect(warning.d).toEqual({ conversationId: group, messageSeq: seq, reason: "scam" });
  const isOwn = ({ k, d }: { k?: string; d?: object }) =>
    k === "report.resolved" && JSON.stringify(d).includes(String(body["id"]));
  expect((await reporter.next(isOwn, "the outcome")).d).toEqual({
    reportId: String(body["id"]),
    hadEffect: true,
  });
  expect(warned.frames.filter(({ k }) => k === "report.resolved")).toEqual([]);
  expect(await actionsOf(loud)).toEqual(["admin.warned"]);
  warned.close();
  reporter.close();
});

test("a dismissal changes nothing for who was reported, who never learns of it", async () => {
  const calm = await signUp(server.url, "Calm");
  const group = await openGroup(calm);
  const seq = await say(calm, group, "I disagree");
  const { body } = await report(lan, group, seq);
  expect(outcomeOf(await resolve(body["id"], "dismiss"))).toBe("200");
  expect(await actionsOf(calm)).toEqual([]);
  const [told] = await cluster.database.sql`
    select data from app.user_events where user_id = ${lan.id} and kind = 'report.resolved' order by seq desc limit 1`;
  expect(told?.["data"]).toEqual({ reportId: body["id"], hadEffect: false });
  const ofCalm = await cluster.database.sql`select 1 from app.user_events
    where user_id = ${calm.id} and kind not like 'conv.%'`;
  expect(ofCalm).toHaveLength(0);
});

test("a ban from a report is the ban that admins know, and ends the sessions", async () => {
  const spammer = await signUp(server.url, "Spammer");
  const group = await openGroup(spammer);
  const seq = await say(spammer, group, "Spam");
  const { body } = await report(lan, group, seq);
  expect(outcomeOf(await resolve(body["id"], "ban_user"))).toBe("200");
  const me = await call("GET", `${server.url}/v1/me`, { token: spammer.token });
  expect(me.status).toBe(401);
  expect(await actionsOf(spammer)).toEqual(["admin.banned"]);
});

test("only staff sees reports, nobody those about themselves, and every look stands in the log of who took it", async () => {
  const { sql } = cluster.database;
  const accused = await signUpAs("moderator", { url: server.url, sql });
  const group = await openGroup(accused);
  const seq = await say(accused, group, "I am staff");
  const { body } = await report(lan, group, seq);
  const ask = (path: string, { token }: Person) =>
    call("GET", `${server.url}/v1/admin/reports${path}`, { token });
  for (const one of [lan, minh]) expect((await ask("", one)).status).toBe(404);
  expect(outcomeOf(await ask(`/${String(body["id"])}`, accused))).toBe("404 not_found");
  expect(outcomeOf(await resolve(body["id"], "dismiss", accused))).toBe("404 not_found");
  const list = await ask("?limit=100&state=open", accused);
  expect(JSON.stringify(list.body)).not.toContain(String(body["id"]));
  const shown = JSON.stringify((await ask("?limit=1", moderator)).body);
  expect(shown).toContain(String(body["id"]));
  expect(shown).not.toContain("I am staff");
  const before = (await actionsOf(moderator)).length;
  await see(body["id"]);
  expect((await actionsOf(moderator)).slice(before)).toEqual(["admin.report_viewed"]);
});

test("after twenty reports in a day a user has to wait, and others do not", async () => {
  const [eager, other] = await Promise.all([
    signUp(server.url, "Eager"),
    signUp(server.url, "Other"),
  ]);
  const strict = await cluster.start({ LIMITS_SCALE: "0.05" });
  const group = await openGroup(minh, eager, other);
  const [first, second] = [await say(minh, group, "One"), await say(minh, group, "Two")];
  const ask = ({ token }: Person, seq: number) =>
    call("POST", `${strict.url}/v1/reports`, {
      token,
      body: { conversationId: group, seq, reason: "spam" },
    });
  expect((await ask(eager, first)).status).toBe(201);
  const refused = await ask(eager, second);
  expect(outcomeOf(refused)).toBe("429 rate_limited");
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(80_000);
  expect((await ask(other, second)).status).toBe(201);
});

test("a report goes 180 days after it was dealt with, and not sooner", async () => {
  const group = await openGroup(minh);
  const { sql } = cluster.database;
  const ids: unknown[] = [];
  for (const days of [179, 181, undefined]) {
    const { body } = await report(lan, group, await say(minh, group, `${days} days`));
    ids.push(body["id"]);
    if (days === undefined) continue;
    await resolve(body["id"], "dismiss");
    await sql`update app.reports set resolved_at = now() - make_interval(days => ${days})
      where id = ${String(body["id"])}`;
  }
  await sweepReports(node.platform, AbortSignal.timeout(30_000));
  const left = await sql<
    { id: string }[]
  >`select id from app.reports where conversation_id = ${group}`;
  expect(left.map(({ id }) => id).toSorted()).toEqual([ids[0], ids[2]].map(String).toSorted());
});
