import { expect, test } from "bun:test";

import { DrizzleQueryError } from "drizzle-orm/errors";
import postgres from "postgres";

import {
  ExpiredError,
  foreignKeyViolation,
  isConnectionError,
  toDatabaseError,
  uniqueViolation,
} from "../../src/platform/database_errors.ts";
import { AppError } from "../../src/platform/errors.ts";
import { TimeoutError } from "../../src/platform/time.ts";

function refusal(code: string, constraint?: string): Error {
  const fields = { message: "refused", code, constraint_name: constraint };
  const error = new postgres.PostgresError("refused");
  return new DrizzleQueryError("select 1", [], Object.assign(error, fields));
}

function farewell(): Error {
  const fields = { code: "08P01", severity_local: "FATAL", message: "query_wait_timeout" };
  return Object.assign(new postgres.PostgresError("ended"), fields);
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

test.each([
  ["57P01 of Postgres", refusal("57P01"), "dependency_unavailable"],
  ["53300 of Postgres", refusal("53300"), "dependency_unavailable"],
  ["25006 of Postgres", refusal("25006"), "dependency_unavailable"],
  ["08P01 of a pooler that ends the connection", farewell(), "dependency_unavailable"],
  ["CONNECTION_CLOSED", failure("CONNECTION_CLOSED"), "dependency_unavailable"],
  ["ECONNREFUSED", failure("ECONNREFUSED"), "dependency_unavailable"],
  ["our own bound", new TimeoutError("late"), "dependency_unavailable"],
  ["the end of a transaction's time", new ExpiredError(8_000), "overloaded"],
  ["the same behind Drizzle", new DrizzleQueryError("", [], new ExpiredError(1)), "overloaded"],
  ["57014 of Postgres", refusal("57014"), "overloaded"],
  ["40P01 of Postgres", refusal("40P01"), "overloaded"],
  ["55P03 of Postgres", refusal("55P03"), "overloaded"],
])("%s asks to come back", (_, error, code) => {
  const answer = toDatabaseError(error) as AppError;
  expect(answer).toBeInstanceOf(AppError);
  expect(answer.kind.code).toBe(code);
  expect(answer.extras.headers).toHaveProperty("retry-after");
  expect(answer.cause).toBe(error);
});

test("what is neither away nor slow stays what it is", () => {
  for (const error of [
    refusal("42P01"),
    refusal("08P01"),
    new Error("ours"),
    failure("23"),
    undefined,
  ])
    expect(toDatabaseError(error)).toBe(error);
});

test("a violation is known by its constraint, and by its own kind only", () => {
  const twice = refusal("23505", "accounts_email_unique");
  const orphan = refusal("23503", "sessions_user_id_users_id_fk");
  expect([uniqueViolation(twice), foreignKeyViolation(twice)]).toEqual([
    "accounts_email_unique",
    undefined,
  ]);
  expect([uniqueViolation(orphan), foreignKeyViolation(orphan)]).toEqual([
    undefined,
    "sessions_user_id_users_id_fk",
  ]);
});

test("a transaction may still be rolled back unless its connection is gone", () => {
  expect(isConnectionError(refusal("57014"))).toBe(false);
  expect(isConnectionError(new ExpiredError(8_000))).toBe(false);
  expect(isConnectionError(refusal("57P01"))).toBe(true);
});
