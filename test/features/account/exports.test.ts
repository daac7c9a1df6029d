import { afterAll, beforeAll, expect, test } from "bun:test";

import { nameOf } from "../../../src/features/account/service/export_rows.ts";
import { PERSONAL_DATA } from "../../../src/features/account/service/registry.ts";
import type { PersonalTable } from "../../../src/platform/personal_data.ts";
import {
  type Answer,
  call,
  converse,
  type Person,
  sessionOf,
  signUp,
} from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { outcomeOf, sweepAccounts } from "../../support/lifecycle.ts";
import { mailTo } from "../../support/mailbox.ts";
import { markOf, plantRows } from "../../support/planted_rows.ts";
import { until } from "../../support/poll.ts";
import { confirmAddress } from "../../support/totp.ts";
import { columnName } from "../../support/user_references.ts";

let cluster: Cluster;
let first: Instance;
/** Admits one copy a day. */
let strict: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  [first, strict] = await Promise.all([
    cluster.start(),
    cluster.start({ ROLE: "api", LIMITS_SCALE: "0.34" }),
  ]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function ask({ token }: Person, path = ""): Promise<Answer> {
  return call("GET", `${first.url}/v1/account/exports${path}`, { token });
}

function askForOne({ token }: Person, { url } = first): Promise<Answer> {
  return call("POST", `${url}/v1/account/exports`, { token });
}

interface Document {
  format: string;
  version: number;
  userId: string;
  tables: Record<string, Record<string, unknown>[]>;
  withheld: Record<string, string>;
}

/** Asks for a copy and waits until it is there. */
async function exported(person: Person): Promise<string> {
  const id = String((await askForOne(person)).body["id"]);
  await until(
    "the copy",
    async () => (await ask(person, `/${id}`)).body["state"] === "ready",
    20_000,
  );
  return id;
}

async function fetchCopy(person: Person, id: string): Promise<Document> {
  const answer = await ask(person, `/${id}/document`);
  expect(answer.status).toBe(200);
  return answer.body as unknown as Document;
}

/** Writes the copy of somebody who has never signed in, and returns its text. */
async function writeFor(userId: string): Promise<string> {
  const { sql } = cluster.database;
  const id = Bun.randomUUIDv7();
  await sql`insert into app.account_exports (id, user_id, state, requested_at, expires_at)
    values (${id}, ${userId}, 'waiting', now(), now() + interval '1 day')`;
  await sql`insert into app.job_outbox (id, queue, kind, version, payload, max_attempts)
    values (${Bun.randomUUIDv7()}, 'default', 'account.write_export', 1, ${sql.json({ exportId: id })}, 3)`;
  await until("the copy", async () => {
    const [row] = await sql`select state from app.account_exports where id = ${id}`;
    return row?.["state"] === "ready";
  });
  const chunks = await sql<{ body: string }[]>`
    select body from app.account_export_chunks where export_id = ${id} order by no`;
  return chunks.map(({ body }) => body).join("");
}

test("a copy is asked for, written, mailed about, and fetched by its owner", async () => {
  const lan = await signUp(first.url, "Lan");
  await confirmAddress(cluster.database, lan);
  const group = await converse(first.url, lan.token, { kind: "group", name: "HNX", memberIds: [] });
  const path = `${first.url}/v1/conversations/${group}/messages`;
  const said = { clientId: crypto.randomUUID(), body: 'Giá "trần" \u{1F680}\n—' };
  await call("POST", path, { token: lan.token, body: said });
  const asked = await askForOne(lan);
  const id = String(asked.body["id"]);
  expect([asked.status, asked.headers.get("location")]).toEqual([202, `/v1/account/exports/${id}`]);
  expect(await exported(lan)).toBe(id);
  const { body: made } = await ask(lan, `/${id}`);
  const lifeMs = new Date(String(made["expiresAt"])).getTime() - Date.now();
  expect(lifeMs / 86_400_000).toBeWithin(6.9, 7.1);
  expect((await ask(lan)).body["items"]).toEqual([made]);
  const answer = await ask(lan, `/${id}/document`);
  expect(answer.headers.get("content-disposition")).toContain("attachment");
  expect(answer.headers.get("cache-control")).toContain("no-store");
  const document = answer.body as unknown as Document;
  expect([document.format, document.version, document.userId] as unknown[]).toEqual([
    "frm-ai.account",
    1,
    lan.id,
  ]);
  expect(document.tables["accounts"]).toMatchObject([{ email: lan.email, role: "user" }]);
  expect(document.tables["messages"]).toMatchObject([{ conversationId: group, ...said }]);
  expect(document.tables["audit_entries"]?.map(({ action }) => String(action))).toContain(
    "account.export_requested",
  );
  await until("the mail", async () => {
    const mails = await mailTo(cluster.dataDir, lan.email);
    return mails.some(({ subject }) => /Bản sao dữ liệu|copy of your data/.test(subject ?? ""));
  });
});

/** The marks that a table's row in an export must have: its columns are those of the policy, and none is empty. */
function findMarks(policy: PersonalTable, tables: Document["tables"]): string[] {
  if ("nothing" in policy.exported) return [];
  const name = nameOf(policy);
  const { columns } = policy.exported;
  const rows = tables[name] ?? [];
  // Of copies there is one more: the one that is being written.
  const row = rows.find((one) => JSON.stringify(one).includes("mine-")) ?? rows[0] ?? {};
  expect([name, Object.keys(row)]).toEqual([name, Object.keys(columns)]);
  expect([name, Object.values(row).filter((value) => value === null)]).toEqual([name, []]);
  const marked = Object.entries(columns).filter(([field]) =>
    JSON.stringify(row[field]).includes("mine-"),
  );
  return marked.map(([, column]) => markOf("mine", name, columnName(column)));
}

test("what is planted in every table is in the copy, and no secret of it, nor anything of somebody else", async () => {
  const { sql } = cluster.database;
  const [lan, minh] = [crypto.randomUUID(), crypto.randomUUID()];
  await plantRows(sql, PERSONAL_DATA, { userId: lan, mark: "mine" });
  await plantRows(sql, PERSONAL_DATA, { userId: minh, mark: "theirs" });
  const text = await writeFor(lan);
  const { tables, withheld } = JSON.parse(text) as Document;
  const names = PERSONAL_DATA.map(nameOf);
  expect([...Object.keys(tables), ...Object.keys(withheld)].toSorted()).toEqual(names.toSorted());
  const expected = PERSONAL_DATA.flatMap((policy) => findMarks(policy, tables));
  const found = text.match(/mine-[\w-]+\./g) ?? [];
  expect(found.toSorted()).toEqual(expected.toSorted());
  expect(expected.length).toBeGreaterThan(10);
  // Bytes would be found in whichever way they are written down.
  for (const canary of ["totp_secrets-sealed", "sessions-refresh_key", "accounts-password_hash"])
    for (const form of [
      canary,
      Buffer.from(`mine-${canary}.`).toString("base64"),
      Buffer.from(`mine-${canary}.`).toString("hex"),
      [...Buffer.from(`mine-${canary}.`)].join(),
    ])
      expect(text).not.toContain(form);
  expect(text).not.toContain("theirs-");
  expect(text).not.toContain(minh);
});

test("of a talker every message is in the copy once, from conversations that were left as well", async () => {
  const { sql } = cluster.database;
  const userId = crypto.randomUUID();
  const MESSAGES = 1_203;
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`insert into app.users values (${userId}, 'Talker', now())`;
    await tx`insert into app.conversation_members
      select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, ${userId}, 'member', 1,
        case when n % 2 = 0 then 9 end from generate_series(1, 3) n`;
    await tx`insert into app.messages
      select gen_random_uuid(), ('00000000-0000-7000-8000-' || lpad((1 + n % 3)::text, 12, '0'))::uuid, n, n,
        ${userId}, gen_random_uuid(), 'message ' || n || repeat('x', 600), now()
      from generate_series(1, ${MESSAGES}::int) n`;
  });
  const text = await writeFor(userId);
  const rows = (JSON.parse(text) as Document).tables["messages"] ?? [];
  expect(new Set(rows.map(({ seq }) => Number(seq))).size).toBe(MESSAGES);
  expect(rows).toHaveLength(MESSAGES);
  const chunks = await sql<{ length: number }[]>`
    select octet_length(body) as length from app.account_export_chunks where user_id = ${userId}`;
  expect(chunks.length).toBeGreaterThan(1);
  for (const { length } of chunks) expect(length).toBeLessThan(1_048_576);
});

test("a copy is its owner's alone, and takes a recent proof of who fetches it", async () => {
  const { sql } = cluster.database;
  const [lan, eve] = [await signUp(first.url, "Lan"), await signUp(first.url, "Eve")];
  const id = await exported(lan);
  expect(outcomeOf(await ask(eve, `/${id}`))).toBe("404 not_found");
  expect(outcomeOf(await ask(eve, `/${id}/document`))).toBe("404 not_found");
  expect((await ask(eve)).body["items"]).toEqual([]);
  await sql`update app.sessions set authenticated_at = now() - interval '11 minutes'
    where id = ${sessionOf(lan.token)}`;
  expect(outcomeOf(await ask(lan, `/${id}/document`))).toBe("403 reauthentication_required");
  expect(outcomeOf(await ask(lan, `/${id}`))).toBe("200");
});

test("there is one at a time, few a day, and only the newest is kept, for a week", async () => {
  const { sql } = cluster.database;
  const lan = await signUp(first.url, "Lan");
  const asked = await Promise.all(Array.from({ length: 8 }, () => askForOne(lan, strict)));
  // Whoever asks after the first one was written has asked once too often.
  const outcomes = new Set(asked.map(outcomeOf));
  expect(["202", "429 too_many_attempts"]).toEqual(expect.arrayContaining([...outcomes]));
  const made = asked.filter(({ status }) => status === 202).map(({ body }) => String(body["id"]));
  const [old = ""] = made;
  expect(new Set(made)).toEqual(new Set([old]));
  expect(await sql`select 1 from app.account_exports where user_id = ${lan.id}`).toHaveLength(1);
  await until("the copy", async () => (await ask(lan, `/${old}`)).body["state"] === "ready");
  const refused = await askForOne(lan, strict);
  expect(outcomeOf(refused)).toBe("429 too_many_attempts");
  expect(Number(refused.headers.get("retry-after"))).toBeWithin(86_000, 86_401);
  const id = await exported(lan);
  expect(outcomeOf(await ask(lan, `/${old}/document`))).toBe("404 not_found");
  const chunksOf = (exportId: string) =>
    sql`select 1 from app.account_export_chunks where export_id = ${exportId}`;
  expect(await chunksOf(old)).toHaveLength(0);
  await fetchCopy(lan, id);
  await sql`update app.account_exports set expires_at = now() where id = ${id}`;
  expect(outcomeOf(await ask(lan, `/${id}`))).toBe("404 not_found");
  await sweepAccounts(sql);
  expect(await chunksOf(id)).toHaveLength(0);
  expect((await ask(lan)).body["items"]).toEqual([]);
  await sql`update app.account_exports set expires_at = now() - interval '25 hours'
    where user_id = ${lan.id}`;
  await sweepAccounts(sql);
  expect(await sql`select 1 from app.account_exports where user_id = ${lan.id}`).toHaveLength(0);
});

test("a copy that nobody writes is given up, and the next one is asked for as ever", async () => {
  const { sql } = cluster.database;
  const lan = await signUp(first.url, "Lan");
  const id = Bun.randomUUIDv7();
  await sql`insert into app.account_exports (id, user_id, state, requested_at, expires_at)
    values (${id}, ${lan.id}, 'waiting', now() - interval '3 hours', now() + interval '1 day')`;
  expect(outcomeOf(await ask(lan, `/${id}/document`))).toBe("409 export_not_ready");
  await sweepAccounts(sql);
  expect((await ask(lan, `/${id}`)).body["state"]).toBe("failed");
  expect(outcomeOf(await ask(lan, `/${id}/document`))).toBe("409 export_not_ready");
  // The next one is asked for as if that one had never been.
  const document = await fetchCopy(lan, await exported(lan));
  expect(document.tables["account_exports"]).toHaveLength(2);
});
