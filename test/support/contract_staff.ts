import type postgres from "postgres";

import { PASSWORD, type Person, sessionOf, signIn, signUp } from "./client.ts";
import type { Call } from "./contract.ts";
import { scheduleDeletion, sendAway } from "./lifecycle.ts";

/** Scenarios of what staff does, and of what is left of it: the log that each user reads, and a ban. */
export async function staffScenarios(url: string, sql: postgres.Sql) {
  const [user, target, moderator, admin] = await Promise.all([
    signUp(url, "User"),
    signUp(url, "Target"),
    signUpAs("moderator", { url, sql }),
    signUpAs("admin", { url, sql }),
  ]);
  const late = await signIn(url, admin);
  await sql`update app.sessions set authenticated_at = now() - interval '1 day'
    where id = ${sessionOf(late.token)}`;
  const change = (token: string, body: object, id = target.id): Call => ({
    token,
    params: { id },
    body,
  });
  return {
    listMyAudit: {
      "200": () => ({ token: user.token, query: "?limit=1" }),
      "400 invalid_cursor": () => ({ token: user.token, query: "?cursor=made.up" }),
    },
    listUsers: {
      "200": () => ({ token: moderator.token, query: `?limit=1&email=${user.email}` }),
      "400 invalid_cursor": () => ({
        token: moderator.token,
        query: `?id=${user.id}&cursor=made.up`,
      }),
      "403 forbidden": () => ({ token: moderator.token }),
      "404 not_found": () => ({ token: user.token }),
    },
    changeUser: {
      "200": () => change(admin.token, { role: "moderator", tier: "premium" }),
      "403 forbidden": () => change(moderator.token, { tier: "free" }),
      "403 reauthentication_required": () => change(late.token, { role: "user" }),
      "404 not_found": () => change(user.token, { banned: true }),
      "409 last_admin": async () => {
        const [leaving, last] = await Promise.all([
          signUpAs("admin", { url, sql }),
          signUpAs("admin", { url, sql }),
        ]);
        await scheduleDeletion(url, leaving);
        await sendAway(sql, last);
        return change(leaving.token, { role: "user" }, last.id);
      },
      "409 own_account": () => change(admin.token, { role: "user" }, admin.id),
    },
    listUserAudit: {
      "200": () => ({ token: admin.token, params: { id: target.id } }),
      "400 invalid_cursor": () => ({
        token: admin.token,
        params: { id: target.id },
        query: "?cursor=made.up",
      }),
      "404 not_found": () => ({ token: moderator.token, params: { id: target.id } }),
    },
  };
}

/** Somebody with a role, given at the database as an operator would. */
export async function signUpAs(
  role: "user" | "moderator" | "admin",
  { url, sql }: { url: string; sql: postgres.Sql },
): Promise<Person> {
  const person = await signUp(url, role);
  await sql`update app.accounts set role = ${role}, version = version + 1
    where user_id = ${person.id}`;
  return person;
}

/** The login of somebody who is banned. */
export async function bannedLogin(url: string, sql: postgres.Sql): Promise<Call> {
  const { id, email } = await signUp(url, "Banned");
  await sql`update app.accounts set banned_at = now(), version = version + 1 where user_id = ${id}`;
  return { body: { email, password: PASSWORD } };
}
