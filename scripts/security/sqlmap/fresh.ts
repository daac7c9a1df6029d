import type postgres from "postgres";

import { digestOf, type Purpose } from "../../../src/features/account/service/links.ts";
import { writeRefreshToken } from "../../../src/features/auth/service/refresh_tokens.ts";
import type { Tokens } from "../../../src/platform/tokens.ts";
import { type Person, sessionOf } from "../../../test/support/client.ts";
import type { Call } from "../../../test/support/contract.ts";
import { type App, enableApp, setUpApp } from "../../../test/support/totp.ts";

/**
 * What a call that succeeds uses up, made anew at the database, because hundreds of sign-ins and mails would take most
 * of the time.
 */
export interface World {
  url: string;
  sql: postgres.Sql;
  dataDir: string;
  /** Signs as the product does. */
  tokens: Tokens;
}

/** A call that succeeds, made anew each time. */
export type Make = () => Call | Promise<Call>;

/** By name, the ways in which one operation succeeds. */
export type Calls = Record<string, Make>;

const TOKEN_PREFIX = "frv1_";

interface NewSession {
  id: string;
  token: string;
  refreshToken: string;
}

/** Another session of a person, like the one that they have. */
export async function newSession(
  { sql, tokens }: World,
  { id: userId, token: known }: Person,
): Promise<NewSession> {
  const id = Bun.randomUUIDv7();
  const [row] = await sql<{ refreshKey: Uint8Array }[]>`
    insert into app.sessions
    select (jsonb_populate_record(s, jsonb_build_object('id', ${id}::text, 'refresh_counter', 0))).*
    from app.sessions s where s.id = ${sessionOf(known)}
    returning refresh_key as "refreshKey"`;
  if (!row) throw new Error(`Cannot copy session "${sessionOf(known)}": it is not there`);
  const { token } = await tokens.sign({ userId, sessionId: id, counter: 0 });
  const refreshToken = writeRefreshToken({ userId, sessionId: id, counter: 0 }, row.refreshKey);
  return { id, token, refreshToken };
}

interface Wanted {
  person: Person;
  purpose: Purpose;
  changeId?: string;
}

/** A link's token, as the job makes it that mails the link. */
export async function newLink(
  { sql }: World,
  { person, purpose, changeId }: Wanted,
): Promise<string> {
  const token = `${TOKEN_PREFIX}${crypto.randomUUID()}${crypto.randomUUID()}`;
  const digest = Buffer.from(digestOf(token));
  await sql`insert into app.account_tokens
    (id, user_id, purpose, digest, email, change_id, mail_id, created_at, expires_at)
    values (${Bun.randomUUIDv7()}, ${person.id}, ${purpose}, ${digest}, ${person.email},
      ${changeId ?? null}, ${crypto.randomUUID()}, now(), now() + interval '30 minutes')`;
  return token;
}

/** The link to the old address of a wish for another one. */
export async function newChangeLink(world: World, person: Person): Promise<string> {
  const changeId = Bun.randomUUIDv7();
  const newEmail = `${crypto.randomUUID()}@example.com`;
  await world.sql`delete from app.email_changes where user_id = ${person.id}`;
  await world.sql`insert into app.email_changes
    (id, user_id, old_email, new_email, created_at, expires_at)
    values (${changeId}, ${person.id}, ${person.email}, ${newEmail}, now(), now() + interval '1 hour')`;
  return await newLink(world, { person, purpose: "email_change_old", changeId });
}

/** As if the person had never had an app. */
export async function forgetApp({ sql }: World, { id }: Person): Promise<void> {
  await sql`delete from app.recovery_codes where user_id = ${id}`;
  await sql`delete from app.totp_secrets where user_id = ${id}`;
}

/** An app that waits for its first code, or one that is on. */
export async function newApp(world: World, person: Person, on: boolean): Promise<App> {
  await forgetApp(world, person);
  return await (on ? enableApp : setUpApp)(world.url, person, world);
}
