import { expect, test } from "bun:test";

import { Elysia, t } from "elysia";

import { AppError, TokenInvalid } from "../../../src/platform/errors.ts";
import { access, assertAccessDeclared, findBearer } from "../../../src/platform/http/access.ts";
import { judge } from "../../../src/platform/problems.ts";

function bearer(authorization: string): string | undefined {
  return findBearer(new Request("http://localhost/", { headers: { authorization } }));
}

const app = new Elysia()
  .onError(({ error, status }) => {
    const { kind } = judge(error);
    return status(kind.status, kind.code);
  })
  .use(
    access(async (token) => {
      if (token !== "good") throw new AppError(TokenInvalid, "Cannot verify a token");
      return await Promise.resolve({ userId: "lan" });
    }),
  )
  .get("/open", () => "open", { open: true })
  .post("/closed", ({ session }) => session.userId, {
    signedIn: true,
    body: t.Object({ amount: t.Number() }),
  });

async function post(token: string | undefined, body: object): Promise<[number, string]> {
  const headers = new Headers({ "content-type": "application/json" });
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  const request = { method: "POST", headers, body: JSON.stringify(body) };
  const answer = await app.handle(new Request("http://localhost/closed", request));
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
