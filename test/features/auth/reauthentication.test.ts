import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Answer, call, PASSWORD, type Person, signIn, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openSocket, type TestSocket } from "../../support/socket.ts";

let cluster: Cluster;
let first: Instance;
let second: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  [first, second] = await Promise.all([cluster.start(), cluster.start()]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

type Tokens = Pick<Person, "token" | "refreshToken">;

async function reauthenticate({ token }: Tokens, { url } = first): Promise<Answer> {
  return await call("POST", `${url}/v1/auth/reauthenticate`, {
    token,
    body: { password: PASSWORD, transport: "body" },
  });
}

async function refresh({ refreshToken }: Tokens, { url } = first): Promise<Answer> {
  return await call("POST", `${url}/v1/auth/refresh`, { body: { refreshToken } });
}

/** The tokens of an answer that has to have some. */
function tokensOf({ status, body }: Answer): Tokens {
  expect(status).toBe(200);
  return { token: String(body["accessToken"]), refreshToken: String(body["refreshToken"]) };
}

function outcomeOf({ status, body }: Answer): string {
  return status < 400 ? String(status) : `${status} ${String(body["code"])}`;
}

async function use({ token }: Tokens, { url } = first): Promise<string> {
  return outcomeOf(await call("GET", `${url}/v1/me`, { token }));
}

/** As if this much time had passed since the last step. */
async function wait({ id }: Person, seconds: number): Promise<void> {
  await cluster.database.sql`
    update app.sessions set refreshed_at = refreshed_at - make_interval(secs => ${seconds})
    where user_id = ${id}`;
}

async function counterOf({ id }: Person): Promise<number> {
  const { sql } = cluster.database;
  const [row] = await sql`select refresh_counter as n from app.sessions where user_id = ${id}`;
  return Number(row?.["n"]);
}

test("a proof of who one is makes new tokens, and the old refresh token is reuse once they are used", async () => {
  const lan = await signUp(first.url);
  const answer = await reauthenticate(lan);
  expect(answer.headers.get("set-cookie")).toBeNull();
  const fresh = tokensOf(answer);
  expect(fresh.refreshToken).toStartWith("frt1_");
  expect(fresh.refreshToken).not.toBe(lan.refreshToken);
  expect(fresh.token).not.toBe(lan.token);
  expect(answer.body).toMatchObject({ user: { id: lan.id }, expiresIn: 600 });
  expect(await use(fresh, second)).toBe("200");
  await wait(lan, 11);
  expect(outcomeOf(await refresh(lan))).toBe("401 refresh_reused");
  expect(outcomeOf(await refresh(fresh))).toBe("401 session_revoked");
  expect([await use(lan), await use(fresh, second)]).toEqual(Array(2).fill("401 session_revoked"));
});

test("each proof with the tokens of the one before makes others again", async () => {
  const lan = await signUp(first.url);
  const one = tokensOf(await reauthenticate(lan));
  const two = tokensOf(await reauthenticate(one, second));
  const three = tokensOf(await refresh(two));
  const all = [lan, one, two, three].map(({ refreshToken }) => refreshToken);
  expect(new Set(all).size).toBe(4);
  expect(await counterOf(lan)).toBe(3);
});

test("the old refresh token is honoured for ten seconds, whatever was used", async () => {
  const lan = await signUp(first.url);
  const fresh = tokensOf(await reauthenticate(lan));
  expect(await use(fresh)).toBe("200");
  expect(tokensOf(await refresh(lan, second)).refreshToken).toBe(fresh.refreshToken);
  expect(await counterOf(lan)).toBe(1);
});

test("a lost answer signs nobody out, be it asked for again by a proof or days later by a refresh", async () => {
  const lan = await signUp(first.url);
  const lost = tokensOf(await reauthenticate(lan));
  await wait(lan, 300);
  const again = tokensOf(await reauthenticate(lan, second));
  await wait(lan, 3 * 86_400);
  const later = tokensOf(await refresh(lan, second));
  expect([again.refreshToken, later.refreshToken]).toEqual(Array(2).fill(lost.refreshToken));
  expect(await use(later)).toBe("200");
  expect(tokensOf(await refresh(later)).refreshToken).not.toBe(lost.refreshToken);
});

test("two lost answers of different kinds leave the client with a token that works", async () => {
  const lan = await signUp(first.url);
  await refresh(lan);
  await reauthenticate(lan, second);
  await wait(lan, 11);
  expect(tokensOf(await refresh(lan))).toBeDefined();
  expect(await counterOf(lan)).toBe(1);
});

test("an access token that was replaced long since proves who one is and is no reuse", async () => {
  const lan = await signUp(first.url);
  const tab = tokensOf(await refresh(tokensOf(await refresh(lan))));
  expect(await use(tab)).toBe("200");
  await wait(lan, 11);
  const fresh = tokensOf(await reauthenticate(lan, second));
  expect(fresh.refreshToken).not.toBe(tab.refreshToken);
  // The other tab has heard nothing of it yet.
  expect(tokensOf(await refresh(tab)).refreshToken).toBe(fresh.refreshToken);
  expect(await counterOf(lan)).toBe(3);
});

test("many simultaneous refreshes and proofs on two instances make one step and get one refresh token", async () => {
  const lan = await signUp(first.url);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, at) => {
      const server = at % 2 === 0 ? first : second;
      // Two on each instance, which is as many as one user may have there at once.
      return at % 13 === 0 ? reauthenticate(lan, server) : refresh(lan, server);
    }),
  );
  const tokens = new Set(answers.map((answer) => tokensOf(answer).refreshToken));
  expect(tokens.size).toBe(1);
  expect(await counterOf(lan)).toBe(1);
  const [refreshToken = ""] = tokens;
  expect(outcomeOf(await refresh({ ...lan, refreshToken }))).toBe("200");
});

test("other sessions keep their tokens and have proved nothing", async () => {
  const lan = await signUp(first.url);
  const other = await signIn(second.url, lan);
  const { sql } = cluster.database;
  await sql`update app.sessions set authenticated_at = authenticated_at - interval '1 day'
    where user_id = ${lan.id}`;
  const fresh = tokensOf(await reauthenticate(lan));
  const need = async ({ token }: Tokens) =>
    outcomeOf(
      await call("POST", `${first.url}/v1/account/email`, {
        token,
        body: { email: `${crypto.randomUUID()}@example.com` },
      }),
    );
  expect([await need(fresh), await need(other)]).toEqual(["202", "403 reauthentication_required"]);
  expect(await use(other, second)).toBe("200");
  const rows = await sql`select refresh_counter as n from app.sessions where user_id = ${lan.id}`;
  expect(rows.map((row) => Number(row["n"])).toSorted((a, b) => a - b)).toEqual([0, 1]);
  expect(outcomeOf(await refresh(other))).toBe("200");
});

test("the session's sockets stay on every instance, and go on with the new access token", async () => {
  const lan = await signUp(first.url);
  const sockets = await Promise.all([first, second].map(({ url }) => openSocket(url, lan.token)));
  const { token } = tokensOf(await reauthenticate(lan));
  for (const socket of sockets) {
    expect(await ask(socket, { t: "hb", i: 2 })).toBe("hb.ok");
    expect(await ask(socket, { t: "tok", i: 3, tok: token })).toBe("tok.ok");
    expect(await ask(socket, { t: "hb", i: 4 })).toBe("hb.ok");
    socket.close();
  }
});

async function ask(socket: TestSocket, frame: { t: string; i: number; tok?: string }) {
  socket.send(frame);
  return (await socket.next(({ i }) => i === frame.i, `an answer to ${frame.t}`)).t;
}

test("a browser gets the refresh token in its cookie alone, and a page cannot ask for it in the body", async () => {
  const lan = await signUp(first.url);
  const ask = (body: object, headers = {}) =>
    call("POST", `${first.url}/v1/auth/reauthenticate`, {
      token: lan.token,
      body: { password: PASSWORD, ...body },
      headers,
    });
  const origin = { origin: first.url };
  const refused = await ask({ transport: "body" }, origin);
  expect(outcomeOf(refused)).toBe("403 origin_not_allowed");
  expect(refused.headers.get("set-cookie")).toBeNull();
  expect(await counterOf(lan)).toBe(0);
  for (const body of [{}, { transport: "cookie" }]) {
    const answer = await ask(body, origin);
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body).toSorted()).toEqual(["accessToken", "expiresIn", "user"]);
    const cookie = answer.headers.get("set-cookie") ?? "";
    expect(cookie).toStartWith("__Host-frm_refresh=frt1_");
    expect(cookie).toContain("HttpOnly");
  }
});

test("a page of somebody else gets no cookie set by a proof", async () => {
  const lan = await signUp(first.url);
  for (const origin of ["https://evil.example", "null"]) {
    const answer = await call("POST", `${first.url}/v1/auth/reauthenticate`, {
      token: lan.token,
      body: { password: PASSWORD },
      headers: { origin },
    });
    expect(outcomeOf(answer)).toBe("403 origin_not_allowed");
    expect(answer.headers.get("set-cookie")).toBeNull();
  }
  expect(await counterOf(lan)).toBe(0);
});

test("a proof that fails hands nothing out and leaves the tokens as they are", async () => {
  const lan = await signUp(first.url);
  const answer = await call("POST", `${first.url}/v1/auth/reauthenticate`, {
    token: lan.token,
    body: { password: "another one", transport: "body" },
  });
  expect(outcomeOf(answer)).toBe("401 invalid_credentials");
  expect(Object.keys(answer.body)).not.toContain("accessToken");
  expect(answer.headers.get("set-cookie")).toBeNull();
  expect(await counterOf(lan)).toBe(0);
});

test.each([
  ["unused for more than 14 days", "refreshed_at = refreshed_at - interval '14 days 1 minute'"],
  ["past its end", "expires_at = now() - interval '1 second'"],
  ["ended", "revoked_at = now()"],
])("a session that is %s gets no new tokens", async (_what, change) => {
  const lan = await signUp(first.url);
  expect(await use(lan)).toBe("200");
  // The copy of the session knows nothing of this.
  await cluster.database.sql.unsafe(`update app.sessions set ${change} where user_id = $1`, [
    lan.id,
  ]);
  expect(outcomeOf(await reauthenticate(lan))).toBe("401 session_revoked");
  expect(await counterOf(lan)).toBe(0);
});
