import { expect, test } from "bun:test";

import { Elysia, t } from "elysia";

import { AppError, TokenInvalid } from "../../../src/platform/errors.ts";
import { access, assertAccessDeclared, findBearer } from "../../../src/platform/http/access.ts";
import type { AccountRole } from "../../../src/platform/permissions.ts";
import { judge } from "../../../src/platform/problems.ts";

function bearer(authorization: string): string | undefined {
  return findBearer(new Request("http://localhost/", { headers: { authorization } }));
}

/** Who comes with which token. */
const ROLES: Record<string, AccountRole> = { good: "user", helper: "moderator", boss: "admin" };

const app = new Elysia()
  .onError(({ error, status }) => {
    const { kind } = judge(error);
    return status(kind.status, kind.code);
  })
  .use(
    access(async (token) => {
      const role = ROLES[token];
      if (!role) throw new AppError(TokenInvalid, "Cannot verify a token");
      return await Promise.resolve({ userId: "lan", role });
    }),
  )
  .get("/open", () => "open", { open: true })
  .post("/closed", ({ session }) => session.userId, {
    signedIn: true,
    body: t.Object({ amount: t.Number() }),
  })
  .post("/v1/admin/roles", ({ session }) => session.role, {
    may: "users.set_role",
    body: t.Object({ amount: t.Number() }),
  })
  .get("/v1/admin/users", ({ session }) => session.role, { may: "users.read" });

async function post(
  token: string | undefined,
  body: object,
  path = "/closed",
): Promise<[number, string]> {
  const headers = new Headers({ "content-type": "application/json" });
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  const request = { method: "POST", headers, body: JSON.stringify(body) };
  const answer = await app.handle(new Request(`http://localhost${path}`, request));
  return [answer.status, await answer.text()];
}

test("a bearer token is found whatever the case of its scheme, and nothing else is one", () => {
  expect([bearer("Bearer a.b-c_d"), bearer("bearer x")]).toEqual(["a.b-c_d", "x"]);
  for (const wrong of ["Basic x", "Bearer", "Bearer a b", "x", `Bearer ${"x".repeat(2_049)}`])
    expect([wrong, bearer(wrong)]).toEqual([wrong, undefined]);
});

test("a signed-in route gets the session of its own token", async () => {
  expect(await post("good", { amount: 1 })).toEqual([200, "lan"]);
});

test("a stranger learns nothing about what the route would accept", async () => {
  expect(await post(undefined, { wrong: true })).toEqual([401, "unauthenticated"]);
  expect(await post("bad", { wrong: true })).toEqual([401, "token_invalid"]);
  expect((await post("good", { wrong: true }))[0]).toBe(422);
});

test("a route that asks for a permission is not there for whoever has none, whatever else is wrong", async () => {
  const path = "/v1/admin/roles";
  const ask = (token: string | undefined, body: object) => post(token, body, path);
  expect(await ask("boss", { amount: 1 })).toEqual([200, "admin"]);
  for (const body of [{ amount: 1 }, { wrong: true }]) {
    for (const token of ["good", "helper"])
      expect(await ask(token, body)).toEqual([404, "not_found"]);
    expect(await ask(undefined, body)).toEqual([401, "unauthenticated"]);
    expect(await ask("bad", body)).toEqual([401, "token_invalid"]);
  }
  expect((await ask("boss", { wrong: true }))[0]).toBe(422);
});

test("each role gets in where its own set has the permission, and nowhere else", async () => {
  const answers = Object.keys(ROLES).map(async (token) => {
    const headers = { authorization: `Bearer ${token}` };
    const request = new Request("http://localhost/v1/admin/users?limit=1", { headers });
    const answer = await app.handle(request);
    return [token, answer.status, await answer.text()];
  });
  expect(await Promise.all(answers)).toEqual([
    ["good", 404, "not_found"],
    ["helper", 200, "moderator"],
    ["boss", 200, "admin"],
  ]);
});

test("a permission that does not exist does not compile", () => {
  // @ts-expect-error The union of permissions has no such name, and a route cannot be declared with it.
  expect(() => app.get("/misspelt", () => 1, { may: "users.raed" })).not.toThrow();
});

test("an open route needs no token", async () => {
  expect((await app.handle(new Request("http://localhost/open"))).status).toBe(200);
});

test("a route that does not say who may call it stops the start, by name", () => {
  expect(() => assertAccessDeclared(app.routes)).not.toThrow();
  const forgotten = new Elysia().get("/forgotten", () => 1).options("/preflight", () => 1);
  expect(() => assertAccessDeclared([...app.routes, ...forgotten.routes])).toThrow(
    'Cannot serve "GET /forgotten": no access is declared',
  );
});

test("a route for admins that asks for no permission stops the start, by name", () => {
  const broad = new Elysia().use(access(nobody)).get("/v1/admin/all", () => 1, { signedIn: true });
  expect(() => assertAccessDeclared([...app.routes, ...broad.routes])).toThrow(
    'Cannot serve "GET /v1/admin/all": no permission is asked for',
  );
});

async function nobody(): Promise<{ role: AccountRole }> {
  return await Promise.reject(new AppError(TokenInvalid, "Cannot verify a token"));
}
