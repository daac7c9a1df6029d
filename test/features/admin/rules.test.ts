import { afterAll, beforeAll, expect, test } from "bun:test";

import {
  type Answer,
  call,
  PASSWORD,
  type Person,
  sessionOf,
  signIn,
  signUp,
} from "../../support/client.ts";
import { signUpAs } from "../../support/contract_staff.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openSocket } from "../../support/socket.ts";

type Role = "user" | "moderator" | "admin";
const ROLES: Role[] = ["user", "moderator", "admin"];

let cluster: Cluster;
let server: Instance;
let other: Instance;
let staff: Record<Role, Person>;

beforeAll(async () => {
  cluster = await openCluster();
  [server, other] = await Promise.all([cluster.start(), cluster.start()]);
  staff = {
    user: await make("user"),
    moderator: await make("moderator"),
    admin: await make("admin"),
  };
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function make(role: Role): Promise<Person> {
  return signUpAs(role, { url: server.url, sql: cluster.database.sql });
}

function change(actor: Person & { url?: string }, id: string, patch: object): Promise<Answer> {
  return call("PATCH", `${actor.url ?? server.url}/v1/admin/users/${id}`, {
    token: actor.token,
    body: patch,
  });
}

function outcomeOf({ status, body }: Answer): string {
  return status < 300 ? String(status) : `${status} ${String(body["code"])}`;
}

async function rightsOf({ id }: Person): Promise<unknown> {
  const [row] = await cluster.database.sql`
    select role, tier, banned_at is not null as banned, version,
      (select count(*)::int from app.audit_entries where user_id = ${id}) as entries,
      (select count(*)::int from app.sessions where user_id = ${id} and revoked_at is null) as sessions
    from app.accounts where user_id = ${id}`;
  return { ...row };
}

/** Who may change what of whom; everybody else is refused, and the target stays as it was. */
const ALLOWED: Record<string, string[]> = {
  "moderator changes banned of user": ["200"],
  "admin changes banned of user": ["200"],
  "admin changes banned of moderator": ["200"],
  "admin changes banned of admin": ["200"],
  "admin changes tier of user": ["200"],
  "admin changes tier of moderator": ["200"],
  "admin changes tier of admin": ["200"],
  "admin changes role of user": ["200"],
  "admin changes role of moderator": ["200"],
  "admin changes role of admin": ["200"],
};
const PATCHES: Record<string, (target: Role) => object> = {
  banned: () => ({ banned: true }),
  tier: () => ({ tier: "premium" }),
  role: (target) => ({ role: target === "user" ? "moderator" : "user" }),
};
const CELLS = ROLES.flatMap((actor) =>
  Object.keys(PATCHES).flatMap((field) =>
    ROLES.map((target): [Role, string, Role] => [actor, field, target]),
  ),
);

test.each(CELLS)(
  "%s changes %s of %s as the table says, and what is refused changes nothing",
  async (actor, field, target) => {
    const victim = await make(target);
    const before = await rightsOf(victim);
    const got = outcomeOf(await change(staff[actor], victim.id, PATCHES[field]?.(target) ?? {}));
    const refusal = actor === "user" ? "404 not_found" : "403 forbidden";
    expect([got]).toEqual(ALLOWED[`${actor} changes ${field} of ${target}`] ?? [refusal]);
    const after = await rightsOf(victim);
    if (got === "200") expect(after).not.toEqual(before);
    else expect(after).toEqual(before);
  },
);

test("a moderator lifts a ban of a user, and not one of a moderator", async () => {
  for (const [role, wanted] of [
    ["user", "200"],
    ["moderator", "403 forbidden"],
  ] as const) {
    const victim = await make(role);
    expect(outcomeOf(await change(staff.admin, victim.id, { banned: true }))).toBe("200");
    expect(outcomeOf(await change(staff.moderator, victim.id, { banned: false }))).toBe(wanted);
  }
});

test("nobody changes their own rights, however the id is spelt", async () => {
  for (const role of ["moderator", "admin"] as const)
    for (const id of [staff[role].id, staff[role].id.toUpperCase()]) {
      const answer = await change(staff[role], id, { banned: true });
      expect(outcomeOf(answer)).toBe("409 own_account");
    }
  expect(outcomeOf(await change(staff.admin, staff.admin.id, { role: "user" }))).toBe(
    "409 own_account",
  );
});

test("one forbidden part of a patch refuses all of it", async () => {
  const victim = await make("user");
  const before = await rightsOf(victim);
  const patch = { banned: true, role: "moderator" };
  expect(outcomeOf(await change(staff.moderator, victim.id, patch))).toBe("403 forbidden");
  expect(await rightsOf(victim)).toEqual(before);
});

test("a change of roles, a ban and its lifting ask for a recent proof of who is asking, and a tier does not", async () => {
  const late = await signIn(server.url, staff.admin);
  const { sql } = cluster.database;
  await sql`update app.sessions set authenticated_at = now() - interval '1 hour'
    where id = ${sessionOf(late.token)}`;
  const victim = await make("user");
  const socket = await openSocket(server.url, victim.token);
  for (const patch of [{ role: "admin" }, { banned: true }, { banned: false }])
    expect([patch, outcomeOf(await change(late, victim.id, patch))]).toEqual([
      patch,
      "403 reauthentication_required",
    ]);
  expect(await rightsOf(victim)).toMatchObject({ role: "user", banned: false, version: 2 });
  socket.send({ t: "hb", i: 9 });
  await socket.next((frame) => frame.t === "hb.ok" && frame.i === 9);
  expect(outcomeOf(await change(late, victim.id, { tier: "premium" }))).toBe("200");
  const body = { password: PASSWORD };
  const { token } = late;
  const proven = await call("POST", `${server.url}/v1/auth/reauthenticate`, { token, body });
  expect(proven.status).toBe(200);
  expect(outcomeOf(await change(late, victim.id, { banned: true }))).toBe("200");
});

test.each([
  ["a role that does not exist", { role: "king" }],
  ["null for a role", { role: null }],
  ["a text for a ban", { banned: "true" }],
  ["a number for a ban", { banned: 1 }],
  ["an unknown field", { email: "x@example.com" }],
])("%s is refused", async (_what, patch) => {
  const victim = await make("user");
  expect(outcomeOf(await change(staff.admin, victim.id, patch))).toBe("422 validation_failed");
});

test("two admins who take each other's role at once, on two instances, leave one of them an admin", async () => {
  for (let turn = 0; turn < 5; turn += 1) {
    const [a, b] = [await make("admin"), await make("admin")];
    const outcomes = await Promise.all([
      change(a, b.id, { role: "user" }),
      change({ ...b, url: other.url }, a.id, { role: "user" }),
    ]);
    expect(outcomes.map(outcomeOf).toSorted()[0]).toBe("200");
    const rows = await cluster.database.sql`
      select role from app.accounts where user_id in (${a.id}, ${b.id}) order by role`;
    expect(rows.map(({ role }) => String(role))).toEqual(["admin", "user"]);
  }
});

test("staff finds a user by exact id or address, in any spelling, and by nothing less", async () => {
  const lan = await signUp(server.url, "Lan");
  const find = async (query: string) => {
    const { status, body } = await call("GET", `${server.url}/v1/admin/users?${query}`, {
      token: staff.moderator.token,
    });
    const { items } = body as unknown as { items?: { id: string }[] };
    return items?.map(({ id }) => id) ?? status;
  };
  expect(await find(`id=${lan.id.toUpperCase()}`)).toEqual([lan.id]);
  expect(await find(`email=${encodeURIComponent(lan.email.toUpperCase())}`)).toEqual([lan.id]);
  expect(await find(`email=${encodeURIComponent(lan.email)}&id=${staff.user.id}`)).toEqual([]);
  for (const part of [lan.email.slice(0, -1), lan.email.slice(1), "%", "*", "_"])
    expect([part, await find(`email=${encodeURIComponent(part)}`)]).toEqual([part, []]);
  expect(await find("name=Lan")).toBe(422);
});

test("pages of users follow each other, and a cursor fits no other search and no other reader", async () => {
  const ask = (token: string, query: string) =>
    call("GET", `${server.url}/v1/admin/users?${query}`, { token });
  const { token } = staff.admin;
  const colleague = await make("admin");
  const seen: string[] = [];
  let query = "limit=3";
  for (let cursor: string | null = ""; cursor !== null; query = `limit=3&cursor=${cursor}`) {
    const { items, page } = (await ask(token, query)).body as unknown as {
      items: { id: string }[];
      page: { nextCursor: string | null };
    };
    seen.push(...items.map(({ id }) => id));
    cursor = page.nextCursor;
    if (cursor !== null && seen.length === 3)
      for (const [reader, search] of [
        [colleague.token, ""],
        [token, `&id=${staff.user.id}`],
      ])
        expect(outcomeOf(await ask(reader ?? "", `limit=3&cursor=${cursor}${search}`))).toBe(
          "400 invalid_cursor",
        );
  }
  const rows = await cluster.database.sql`select user_id as id from app.accounts order by 1 desc`;
  expect(seen).toEqual(rows.map(({ id }) => String(id)));
});

/** What of a user's log is about being looked at, the newest first, as the user reads it. */
async function looksAt({ token }: Person): Promise<string[]> {
  const { body } = await call("GET", `${server.url}/v1/me/audit?limit=100`, { token });
  const { items } = body as unknown as {
    items: { action: string; actor: string; details: { value: string }[] }[];
  };
  return items
    .filter(({ action }) => /viewed|listed/.test(action))
    .map(({ action, actor, details }) =>
      [action, actor, ...details.map(({ value }) => value)].join(" "),
    );
}

test("a moderator names whom they look for, and nobody is listed to them", async () => {
  const { token } = staff.moderator;
  const before = await cluster.database.sql`select count(*)::int as n from app.audit_entries`;
  for (const query of ["", "?limit=1", "?cursor=made.up"]) {
    const answer = await call("GET", `${server.url}/v1/admin/users${query}`, { token });
    expect([query, outcomeOf(answer)]).toEqual([query, "403 forbidden"]);
    expect(JSON.stringify(answer.body)).not.toContain("@example.com");
  }
  expect([
    ...(await cluster.database.sql`select count(*)::int as n from app.audit_entries`),
  ]).toEqual([...before]);
});

test("each look of staff at a user stands in that user's log, and one's look at oneself does not", async () => {
  const lan = await signUp(server.url, "Lan");
  const { moderator, admin } = staff;
  const look = (token: string, query: string) =>
    call("GET", `${server.url}/v1/admin/users?${query}`, { token });
  expect((await look(moderator.token, `id=${lan.id}`)).status).toBe(200);
  expect((await look(admin.token, `email=${encodeURIComponent(lan.email)}`)).status).toBe(200);
  // A change that changes nothing shows the account just as well.
  expect(outcomeOf(await change(moderator, lan.id, {}))).toBe("200");
  const path = `${server.url}/v1/admin/users/${lan.id}/audit`;
  const read = await call("GET", path, { token: admin.token });
  expect(JSON.stringify(read.body)).not.toContain("admin.audit_viewed");
  expect(await looksAt(lan)).toEqual([
    "admin.audit_viewed staff",
    "admin.user_viewed staff",
    "admin.user_viewed staff",
    "admin.user_viewed staff",
  ]);
  const own = await looksAt(moderator);
  expect((await look(moderator.token, `id=${moderator.id}`)).status).toBe(200);
  expect(await looksAt(moderator)).toEqual(own);
});

test("an admin who lists users finds in their own log how many they were shown", async () => {
  const admin = await make("admin");
  const lan = await signUp(server.url, "Lan");
  const { token } = admin;
  expect((await call("GET", `${server.url}/v1/admin/users?limit=2`, { token })).status).toBe(200);
  expect(await looksAt(admin)).toEqual(["admin.users_listed self 2"]);
  expect(await looksAt(lan)).toEqual([]);
});

test("what staff sees of a user has no password, no key and no token", async () => {
  const { body } = await call("GET", `${server.url}/v1/admin/users?id=${staff.user.id}`, {
    token: staff.admin.token,
  });
  const [item] = (body as unknown as { items: object[] }).items;
  expect(Object.keys(item ?? {}).toSorted()).toEqual([
    "bannedAt",
    "createdAt",
    "displayName",
    "email",
    "id",
    "role",
    "tier",
  ]);
});
