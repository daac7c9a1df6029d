import { call as ask, type Person, signUp } from "../../../test/support/client.ts";
import { scheduleDeletion } from "../../../test/support/lifecycle.ts";
import { until } from "../../../test/support/poll.ts";
import type { Calls, World } from "./fresh.ts";

const COPIES = "/v1/account/exports";

/** How an account ends, and how its owner gets a copy of their data. */
export const LIFECYCLE: Record<string, (world: World) => Promise<Calls>> = {
  getDeletion: async ({ url }) => {
    const lan = await signUp(url);
    await scheduleDeletion(url, lan);
    return { "of who has asked": () => ({ token: lan.token }) };
  },
  requestDeletion: async ({ url }) => {
    const { token } = await signUp(url);
    return {
      "for the first time": async () => {
        await ask("DELETE", `${url}/v1/account/deletion`, { token });
        return { token };
      },
    };
  },
  cancelDeletion: async ({ url }) => {
    const lan = await signUp(url);
    return {
      "of who has asked": async () => {
        await scheduleDeletion(url, lan);
        return { token: lan.token };
      },
    };
  },
  listExports: async (world) => {
    const lan = await signUp(world.url);
    await insertCopy(world, lan);
    await insertCopy(world, lan);
    return { "two of them": () => ({ token: lan.token }) };
  },
  requestExport: async ({ url, sql }) => {
    const { id, token } = await signUp(url);
    return {
      "the first": async () => {
        await sql`delete from app.account_exports where user_id = ${id}`;
        return { token };
      },
    };
  },
  getExport: async (world) => {
    const lan = await signUp(world.url);
    const id = await insertCopy(world, lan);
    return { "one that failed": () => ({ token: lan.token, params: { id } }) };
  },
  fetchExport: async ({ url }) => {
    const { token } = await signUp(url);
    const { body } = await ask("POST", `${url}${COPIES}`, { token });
    const id = String(body["id"]);
    await until("the copy to be written", async () => {
      const copy = await ask("GET", `${url}${COPIES}/${id}`, { token });
      return copy.body["state"] === "ready";
    });
    return { "one that is there": () => ({ token, params: { id } }) };
  },
};

async function insertCopy({ sql }: World, person: Person): Promise<string> {
  const id = Bun.randomUUIDv7();
  await sql`insert into app.account_exports (id, user_id, state, requested_at, expires_at)
    values (${id}, ${person.id}, 'failed', now(), now() + interval '1 day')`;
  return id;
}
