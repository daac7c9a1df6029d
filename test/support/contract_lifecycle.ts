import type postgres from "postgres";

import { call as ask, type Person, sessionOf, signUp } from "./client.ts";
import type { Call } from "./contract.ts";
import { signUpAs } from "./contract_staff.ts";
import { makeDue, scheduleDeletion, sendAway } from "./lifecycle.ts";
import { until } from "./poll.ts";

interface Servers {
  url: string;
  /** Admits one failure of a caller, and then no more. */
  strictUrl: string;
  sql: postgres.Sql;
}

/** Scenarios of the deletion of an account, and of copies of one's data. */
export function lifecycleScenarios({ url, strictUrl, sql }: Servers) {
  const someone = () => signUp(url, "Someone");
  // A sign-up costs a hash, so whoever can be the same person is.
  let first: Promise<Person> | undefined;
  const lan = () => (first ??= someone());
  const called = async (who: Promise<Person>): Promise<Call> => ({ token: (await who).token });
  let tired: Promise<Person> | undefined;
  const late = () => (tired ??= makeLate(someone(), sql));
  const leaving = async () => {
    const person = await someone();
    await scheduleDeletion(url, person);
    return person;
  };
  const copied = async (state: "ready" | "failed", person = lan()): Promise<Call> => {
    const { id: userId, token } = await person;
    const id = Bun.randomUUIDv7();
    await sql`insert into app.account_exports (id, user_id, state, requested_at, expires_at)
      values (${id}, ${userId}, ${state}, now(), now() + interval '1 day')`;
    return { token, params: { id } };
  };
  const nowhere = async (): Promise<Call> => ({
    token: (await lan()).token,
    params: { id: crypto.randomUUID() },
  });
  return {
    getDeletion: { "200": () => called(lan()) },
    requestDeletion: {
      "202": () => called(someone()),
      "403 reauthentication_required": () => called(late()),
      "409 last_admin": async () => {
        const admin = await signUpAs("admin", { url, sql });
        await sendAway(sql, admin);
        return { token: admin.token };
      },
      "429 too_many_attempts": async () => {
        const { token } = await someone();
        const headers = { "x-forwarded-for": "203.0.113.211" };
        await ask("POST", `${strictUrl}/v1/account/deletion`, { token, headers });
        return { at: strictUrl, token, headers };
      },
    },
    cancelDeletion: {
      "204": () => called(leaving()),
      "404 not_found": () => called(lan()),
      "409 deletion_under_way": async () => {
        const person = await leaving();
        await makeDue(sql, person);
        return { token: person.token };
      },
    },
    listExports: {
      "200": async () => ({ ...(await copied("ready")), query: "?limit=1" }),
      "400 invalid_cursor": async () => ({ ...(await called(lan())), query: "?cursor=made.up" }),
    },
    requestExport: {
      "202": () => called(lan()),
      "429 too_many_attempts": async () => ({
        ...(await copied("failed", late())),
        at: strictUrl,
      }),
    },
    getExport: { "200": () => copied("failed"), "404 not_found": nowhere },
    fetchExport: {
      "200": () => written(url, lan()),
      "403 reauthentication_required": () => copied("ready", late()),
      "404 not_found": nowhere,
      "409 export_not_ready": () => copied("failed"),
    },
  };
}

async function makeLate(who: Promise<Person>, sql: postgres.Sql): Promise<Person> {
  const person = await who;
  await sql`update app.sessions set authenticated_at = now() - interval '1 day'
    where id = ${sessionOf(person.token)}`;
  return person;
}

/** A copy that is there to be fetched. */
export async function written(
  url: string,
  person: Pick<Person, "token"> | Promise<Person>,
): Promise<{ token: string; params: { id: string } }> {
  const { token } = await person;
  const place = `${url}/v1/account/exports`;
  const { body } = await ask("POST", place, { token });
  const id = String(body["id"]);
  await until("the copy to be written", async () => {
    return (await ask("GET", `${place}/${id}`, { token })).body["state"] === "ready";
  });
  return { token, params: { id } };
}
