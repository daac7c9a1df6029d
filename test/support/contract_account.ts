import type postgres from "postgres";

import { call as ask, PASSWORD, sessionOf, signUp } from "./client.ts";
import type { Call } from "./contract.ts";
import { linkTo } from "./mailed_links.ts";
import { enableApp } from "./totp.ts";

interface Servers {
  url: string;
  /** Admits one failure of a caller, and then no more. */
  strictUrl: string;
  dataDir: string;
  sql: postgres.Sql;
}

const NEW_PASSWORD = "eight silver rivers";
const MADE_UP = { token: "made-up" };
const CHANGE = /đổi địa chỉ|address change/;
const RESET = /Đặt mật khẩu mới|Set a new password/;
const WELCOME = /Chào mừng|Welcome/;

/** Scenarios of what proves an address and of what replaces a password or an address. */
export function accountScenarios({ url, strictUrl, dataDir, sql }: Servers) {
  const someone = async () => (await signUp(url, "Someone")).token;
  const elsewhere = () => ({ email: `${crypto.randomUUID()}@example.com` });
  /** A call that the same one before it has left no room for. */
  const twice = async (method: string, path: string, made: Call): Promise<Call> => {
    const headers = { "x-forwarded-for": `203.0.113.${(callers += 1)}` };
    const again = { ...made, headers };
    const { token, body } = made;
    await ask(method, `${strictUrl}/v1/account${path}`, {
      headers,
      body,
      ...(token === undefined ? {} : { token }),
    });
    return { ...again, at: strictUrl };
  };
  const mailed = async (path: string, subject: RegExp) => {
    const { email, token } = await signUp(url, "Someone");
    const body = path === "/password/forgotten" ? { email } : elsewhere();
    if (path !== "") await ask("POST", `${url}/v1/account${path}`, { token, body });
    return { token: await linkTo(dataDir, email, subject) };
  };
  const outdate = (token: string) =>
    sql`update app.sessions set authenticated_at = now() - interval '1 day'
      where id = ${sessionOf(token)}`;
  const late = async () => {
    const token = await someone();
    await outdate(token);
    return token;
  };
  const reset = (link: { token: string }): Call => ({ body: { ...link, password: NEW_PASSWORD } });
  const change = (currentPassword: string) => ({ currentPassword, newPassword: NEW_PASSWORD });
  return {
    resendVerification: {
      "202": async () => ({ token: await someone() }),
      "429 too_many_attempts": async () =>
        twice("POST", "/email/verification", { token: await someone() }),
    },
    confirmEmail: {
      "204": async () => ({ body: await mailed("", WELCOME) }),
      "400 link_invalid": () => ({ body: MADE_UP }),
      "429 too_many_attempts": () =>
        twice("POST", "/email/verification/confirm", { body: MADE_UP }),
    },
    forgetPassword: {
      "202": () => ({ body: elsewhere() }),
      "429 too_many_attempts": () => twice("POST", "/password/forgotten", { body: elsewhere() }),
    },
    resetPassword: {
      "204": async () => reset(await mailed("/password/forgotten", RESET)),
      "400 link_invalid": () => reset(MADE_UP),
      "429 too_many_attempts": () => twice("POST", "/password/reset", reset(MADE_UP)),
    },
    changePassword: {
      "204": async () => ({ token: await someone(), body: change(PASSWORD) }),
      "401 invalid_credentials": async () => ({
        token: await someone(),
        body: change("another one"),
      }),
      "403 reauthentication_required": async () => {
        const person = await signUp(url, "Guarded");
        await enableApp(url, person, { sql });
        await outdate(person.token);
        return { token: person.token, body: change(PASSWORD) };
      },
      "429 too_many_attempts": async () =>
        twice("PUT", "/password", { token: await someone(), body: change("another one") }),
    },
    requestEmailChange: {
      "202": async () => ({ token: await someone(), body: elsewhere() }),
      "403 reauthentication_required": async () => ({ token: await late(), body: elsewhere() }),
      "429 too_many_attempts": async () =>
        twice("POST", "/email", { token: await someone(), body: elsewhere() }),
    },
    confirmEmailChange: {
      "200": async () => ({ body: await mailed("/email", CHANGE) }),
      "400 link_invalid": () => ({ body: MADE_UP }),
      "429 too_many_attempts": () => twice("POST", "/email/confirm", { body: MADE_UP }),
    },
  };
}

let callers = 0;
