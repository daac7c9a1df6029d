import type postgres from "postgres";

import { PASSWORD, type Person, sessionOf, signUp } from "./client.ts";
import type { Call } from "./contract.ts";
import { type App, codeOf, enableApp, setUpApp, wrongCodeOf } from "./totp.ts";

interface Server {
  url: string;
  sql: postgres.Sql;
}

/** Somebody with a second factor. */
interface Guarded {
  person: Person;
  app: App;
}

/** Scenarios of an authenticator app and its recovery codes, and what it adds to a sign-in and to a step-up. */
export function totpScenarios({ url, sql }: Server) {
  const guard = async (): Promise<Guarded> => {
    const person = await signUp(url, "Guarded");
    return { person, app: await enableApp(url, person, { sql }) };
  };
  // A sign-up costs a hash, so whoever can be the same person is.
  const guarded = once(guard);
  const late = once(async () => {
    const somebody = await guard();
    await sql`update app.sessions set authenticated_at = now() - interval '1 day'
      where id = ${sessionOf(somebody.person.token)}`;
    return somebody;
  });
  const exhausted = once(async () => {
    const somebody = await guard();
    await sql`update app.totp_secrets set code_failures_until = now() + interval '1 hour'
      where user_id = ${somebody.person.id}`;
    return somebody;
  });
  const bare = once(() => signUp(url, "Someone"));
  const waiting = async () => {
    const person = await signUp(url, "Someone");
    return { token: person.token, app: await setUpApp(url, person, { sql }) };
  };
  const off = ({ person, app }: Guarded) => ({
    token: person.token,
    body: { code: codeOf(app, 1) },
  });
  return {
    ...stepScenarios({ guarded, exhausted }),
    own: {
      getTotp: { "200": async () => ({ token: (await bare()).token }) },
      beginTotp: {
        "201": async () => ({ token: (await waiting()).token }),
        "403 email_not_verified": async () => ({ token: (await bare()).token }),
        "403 reauthentication_required": async () => ({ token: (await late()).person.token }),
        "409 already_exists": async () => ({ token: (await guarded()).person.token }),
      },
      confirmTotp: {
        "201": async () => {
          const { token, app } = await waiting();
          return { token, body: { code: codeOf(app) } };
        },
        "401 totp_invalid": async () => {
          const { token, app } = await waiting();
          return { token, body: { code: wrongCodeOf(app) } };
        },
        "404 not_found": async () => ({ token: (await bare()).token, body: { code: "123456" } }),
        "429 too_many_attempts": async () => {
          const { person, app } = await exhausted();
          await sql`update app.totp_secrets set confirmed_at = null where user_id = ${person.id}`;
          return { token: person.token, body: { code: codeOf(app) } };
        },
      },
      disableTotp: {
        "204": async () => off(await guard()),
        "401 totp_invalid": async () => {
          const { person, app } = await guarded();
          return { token: person.token, body: { code: wrongCodeOf(app) } };
        },
        "403 reauthentication_required": async () => off(await late()),
        "404 not_found": async () => ({ token: (await bare()).token, body: { code: "123456" } }),
        "429 too_many_attempts": async () => {
          const { person, app } = await exhausted();
          await sql`update app.totp_secrets set confirmed_at = now() where user_id = ${person.id}`;
          return off({ person, app });
        },
      },
      renewRecoveryCodes: {
        "201": async () => ({ token: (await guarded()).person.token }),
        "403 reauthentication_required": async () => ({ token: (await late()).person.token }),
        "404 not_found": async () => ({ token: (await bare()).token }),
      },
    },
  };
}

/** What a second factor adds where a password is asked for. */
function stepScenarios(people: Record<"guarded" | "exhausted", () => Promise<Guarded>>) {
  const login = async (code: (app: App) => object): Promise<Call> => {
    const { person, app } = await people.guarded();
    return { body: { email: person.email, password: PASSWORD, ...code(app) } };
  };
  const prove = async (who: Guarded, code: object): Promise<Call> => ({
    token: who.person.token,
    body: { password: PASSWORD, ...code },
  });
  return {
    login: {
      "401 totp_required": () => login(() => ({})),
      "401 totp_invalid": () => login((app) => ({ code: wrongCodeOf(app) })),
    },
    reauthenticate: {
      "403 origin_not_allowed": async () => ({
        ...(await prove(await people.guarded(), { transport: "body" })),
        headers: { origin: "https://elsewhere.example" },
      }),
      "401 totp_required": async () => prove(await people.guarded(), {}),
      "401 totp_invalid": async () => {
        const who = await people.guarded();
        return prove(who, { code: wrongCodeOf(who.app) });
      },
      "429 too_many_attempts": async () => {
        const who = await people.exhausted();
        return prove(who, { code: codeOf(who.app, 1) });
      },
    },
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
