import type { TestDatabase } from "../support/database.ts";
import type { Instance } from "../support/instance.ts";
import type { Page } from "./page.ts";

/** What a page of ours does with the API, whose refresh token lies in a cookie. */

export const COOKIE = "__Host-frm_refresh";

/** What came back, in one word. */
export interface Said {
  status: number;
  code?: string;
  accessToken?: string;
}

const READ = `async (answer) => {
  const body = await answer.text();
  const { code, accessToken } = body === "" ? {} : JSON.parse(body);
  return { status: answer.status, code, accessToken };
}`;

/** A call of the page's own script, as our client for the web makes it: with its cookies and our header. */
export async function callFrom(page: Page, url: string, body?: object): Promise<Said> {
  const json = JSON.stringify(JSON.stringify(body));
  return await page.read(`fetch(${JSON.stringify(url)}, {
    method: "POST",
    credentials: "include",
    headers: { "x-frm-csrf": "1"${body ? `, "content-type": "application/json"` : ""} },
    ${body ? `body: ${json},` : ""}
  }).then(${READ})`);
}

/** Who is signed in, with an access token. */
export async function askWho(page: Page, url: string, token: string): Promise<Said> {
  const headers = JSON.stringify({ authorization: `Bearer ${token}` });
  return await page.read(`fetch("${url}/v1/me", { headers: ${headers} }).then(${READ})`);
}

/** Everything that the database knows of somebody's sessions. */
export async function sessionsOf({ sql }: TestDatabase, userId: string): Promise<object[]> {
  const rows = await sql`select * from app.sessions where user_id = ${userId} order by id`;
  return rows.map((row) => ({ ...row }));
}

/** What an instance was asked for, in the order in which it answered: `POST /v1/auth/refresh 403`. */
export function requestsOf(instance: Instance): string[] {
  return instance
    .log()
    .split("\n")
    .filter((line) => line.includes(`"message":"request"`))
    .map((line) => JSON.parse(line) as { method: string; route: string; status: number })
    .map(({ method, route, status }) => `${method} ${route} ${status}`);
}
