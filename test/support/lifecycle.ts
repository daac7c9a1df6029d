import type postgres from "postgres";

import { type Answer, call, type Person } from "./client.ts";
import { until } from "./poll.ts";

/** Asks for what the schedule asks for every minute, and waits until it is done. */
export async function sweepAccounts(sql: postgres.Sql): Promise<void> {
  const id = await askToSweep(sql);
  await until("the sweep", async () => {
    return (await sql`select 1 from app.job_outbox where id = ${id}`).length === 0;
  });
}

export async function askToSweep(sql: postgres.Sql): Promise<string> {
  const id = Bun.randomUUIDv7();
  await sql`insert into app.job_outbox (id, queue, kind, version, payload, max_attempts)
    values (${id}, 'default', 'account.sweep', 1, '{}', 3)`;
  return id;
}

/** As if the time of grace were over. */
export async function makeDue(sql: postgres.Sql, { id }: Person): Promise<void> {
  await sql`update app.accounts set deletion_due_at = now() - interval '1 second'
    where user_id = ${id} and deletion_due_at is not null`;
}

/** As if every admin but one had asked for their deletion; they go on meanwhile, but do not count as those who stay. */
export async function sendAway(sql: postgres.Sql, { id }: Person): Promise<void> {
  await sql`update app.accounts set deletion_due_at = now() + interval '1 day'
    where role = 'admin' and user_id <> ${id} and deletion_due_at is null`;
}

export async function deletion(method: string, url: string, token: string): Promise<Answer> {
  return await call(method, `${url}/v1/account/deletion`, { token });
}

/** @throws when it is refused. */
export async function scheduleDeletion(url: string, { token }: Person): Promise<void> {
  const { status, body } = await deletion("POST", url, token);
  if (status !== 202) throw new Error(`Cannot ask for a deletion: ${JSON.stringify(body)}`);
}

/** The status of an answer, with its code where it is a refusal. */
export function outcomeOf({ status, body }: Answer): string {
  return status < 400 ? String(status) : `${status} ${String(body["code"])}`;
}
