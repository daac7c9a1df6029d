import { INPUTS, type Stage } from "../../../test/support/access_rows.ts";
import {
  call as ask,
  converse,
  PASSWORD,
  type Person,
  signIn,
  signUp,
} from "../../../test/support/client.ts";
import { accountScenarios } from "../../../test/support/contract_account.ts";
import { chatScenarios } from "../../../test/support/contract_chat.ts";
import { signUpAs, staffScenarios } from "../../../test/support/contract_staff.ts";
import { totpScenarios } from "../../../test/support/contract_totp.ts";
import { linkTo } from "../../../test/support/mailed_links.ts";
import type { Listed } from "../../../test/support/openapi.ts";
import { codeOf } from "../../../test/support/totp.ts";
import { CHAT } from "./chat_calls.ts";
import {
  type Calls,
  forgetApp,
  newApp,
  newChangeLink,
  newLink,
  newSession,
  type World,
} from "./fresh.ts";
import { LIFECYCLE } from "./lifecycle.ts";

type Scenarios = Record<string, Calls>;

/**
 * The ways in which an operation succeeds, by name: those that are written here, else those of the contract's scenarios,
 * else the owner's or an admin's call of the access table, where every route has one.
 */
export async function listCalls(world: World, listed: Listed): Promise<Calls> {
  const { operationId } = listed.operation;
  const own = OWN[operationId] ?? LIFECYCLE[operationId] ?? CHAT[operationId];
  if (own) return await own(world);
  for (const build of SCENARIOS) {
    const found = (await build(world))[operationId];
    if (found) return successesOf(found);
  }
  return await callsOfTable(world, listed);
}

const SCENARIOS: ((world: World) => Scenarios | Promise<Scenarios>)[] = [
  (world) => totpScenarios(world).own,
  // Its refusals for too many attempts need another instance, and take no part here.
  (world) => accountScenarios({ ...world, strictUrl: world.url }),
  async (world) =>
    await chatScenarios(world.url, {
      owner: await signUp(world.url),
      strictUrl: world.url,
      sql: world.sql,
    }),
  async ({ url, sql }) => await staffScenarios(url, sql),
];

function successesOf(calls: Calls): Calls {
  return Object.fromEntries(
    Object.entries(calls).filter(([outcome]) => /^[12]\d\d$/.test(outcome)),
  );
}

async function callsOfTable({ url, sql }: World, { method, path }: Listed): Promise<Calls> {
  const [owner, stranger, member, silent, moderator, admin] = await Promise.all([
    signUp(url, "Owner"),
    signUp(url, "Stranger"),
    signUp(url, "Member"),
    signUp(url, "Silent"),
    signUpAs("moderator", { url, sql }),
    signUpAs("admin", { url, sql }),
  ]);
  const people = { expired: owner, revoked: owner, stranger, member, owner, moderator, admin };
  const stage: Stage = { url, people, silent, mailId: "", exportId: "" };
  const input = INPUTS[`${method} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`];
  const made = (person: Person) => async () => ({
    token: person.token,
    ...(await input?.(stage, person)),
  });
  return path.startsWith("/v1/admin/") ? { admin: made(admin) } : { owner: made(owner) };
}

const OWN: Record<string, (world: World) => Calls | Promise<Calls>> = {
  register: () => ({
    "with a body": () => ({
      body: {
        email: `${crypto.randomUUID()}@example.com`,
        password: PASSWORD,
        displayName: "New",
        transport: "body",
      },
    }),
  }),
  login: async ({ url }) => {
    const { email } = await signUp(url);
    return { "with a password": () => ({ body: { email, password: PASSWORD } }) };
  },
  refreshSession: async (world) => waysOut(world, await signUp(world.url)),
  logout: async (world) => {
    const lan = await signUp(world.url);
    const token = async () => ({ token: (await newSession(world, lan)).token });
    return { "with a token": token, ...waysOut(world, lan) };
  },
  reauthenticate: async ({ url }) => {
    const { token } = await signUp(url);
    return { "with a password": () => ({ token, body: { password: PASSWORD } }) };
  },
  listSessions: async ({ url }) => {
    const lan = await signUp(url);
    await signIn(url, lan);
    return { "two of them": () => ({ token: lan.token }) };
  },
  endSession: async (world) => {
    const lan = await signUp(world.url);
    const params = async () => ({ id: (await newSession(world, lan)).id });
    return { another: async () => ({ token: lan.token, params: await params() }) };
  },
  endSessions: async ({ url }) => {
    const { token } = await signUp(url);
    return { others: () => ({ token, query: "?scope=others" }) };
  },
  getMe: async ({ url }) => {
    const { token } = await signUp(url);
    return { ordinary: () => ({ token }) };
  },
  issueTicket: async ({ url }) => {
    const { token } = await signUp(url);
    const named = { token, body: { origin: url } };
    return { "of no page": () => ({ token }), "of a page": () => named };
  },
  listPresence: async ({ url }) => {
    const { id, token } = await signUp(url);
    return { "of oneself": () => ({ token, query: `?userIds=${id}` }) };
  },
  getPresenceSettings: async ({ url }) => {
    const { token } = await signUp(url);
    return { ordinary: () => ({ token }) };
  },
  setPresenceSettings: async ({ url }) => {
    const { token } = await signUp(url);
    const body = { visibleTo: "everybody", lastSeenTo: "nobody", isInvisible: false };
    return { ordinary: () => ({ token, body }) };
  },
  listUsers: async ({ url, sql }) => {
    const [{ token }, { id, email }] = await Promise.all([
      signUpAs("admin", { url, sql }),
      signUp(url),
    ]);
    return {
      all: () => ({ token }),
      "by id": () => ({ token, query: `?id=${id}` }),
      "by address": () => ({ token, query: `?email=${encodeURIComponent(email)}` }),
    };
  },
  listKeys: () => ({ ordinary: () => ({}) }),
  checkLive: () => ({ ordinary: () => ({}) }),
  checkReady: () => ({ ordinary: () => ({}) }),
  openSocket: () => ({
    ordinary: () => ({ headers: { "sec-websocket-protocol": "frm.v1" } }),
  }),
  listMessages: async ({ url }) => {
    const { token } = await signUp(url);
    const id = await converse(url, token, { kind: "group", name: "VN30", memberIds: [] });
    const seqs: string[] = [];
    for (const text of ["Good morning", "Good evening"]) {
      const body = { clientId: crypto.randomUUID(), body: text };
      const sent = await ask("POST", `${url}/v1/conversations/${id}/messages`, { token, body });
      seqs.push(String(sent.body["seq"]));
    }
    const list = { token, params: { id } };
    return {
      "two of them": () => list,
      "those before": () => ({ ...list, query: `?before=${seqs[1]}` }),
      "those after": () => ({ ...list, query: `?after=${seqs[0]}` }),
      "those around": () => ({ ...list, query: `?around=${seqs[1]}` }),
    };
  },
  openConversation: async ({ url }) => {
    const [{ token }, minh] = await Promise.all([signUp(url), signUp(url)]);
    const group = { kind: "group", name: "HNX", memberIds: [minh.id] };
    return {
      "a group": () => ({ token, body: group }),
      direct: () => ({ token, body: { kind: "direct", userId: minh.id } }),
    };
  },
  listMyAudit: async ({ url }) => {
    const lan = await signUp(url);
    await signIn(url, lan);
    await signIn(url, lan);
    return { "some entries": () => ({ token: lan.token }) };
  },
  listUserAudit: async ({ url, sql }) => {
    // Their own, because a look at another's log adds to it, and no two answers would be alike.
    const admin = await signUpAs("admin", { url, sql });
    await signIn(url, admin);
    await signIn(url, admin);
    return { "some entries": () => ({ token: admin.token, params: { id: admin.id } }) };
  },
  resendVerification: async ({ url }) => {
    const { token } = await signUp(url);
    return { ordinary: () => ({ token }) };
  },
  forgetPassword: async ({ url }) => {
    const { email } = await signUp(url);
    return { "of an account": () => ({ body: { email } }) };
  },
  changePassword: async ({ url }) => {
    const { token } = await signUp(url);
    // The same one again, so that the next call knows it too.
    const body = { currentPassword: PASSWORD, newPassword: PASSWORD };
    return { "to the same": () => ({ token, body }) };
  },
  requestEmailChange: async ({ url }) => {
    const { token } = await signUp(url);
    const email = () => `${crypto.randomUUID()}@example.com`;
    return { "to another": () => ({ token, body: { email: email() } }) };
  },
  confirmEmail: async (world) => {
    const lan = await signUp(world.url);
    // Whenever this mail is written, its link takes the place of those that were made before.
    await linkTo(world.dataDir, lan.email, /./);
    const token = () => newLink(world, { person: lan, purpose: "email_verification" });
    return { "by a link": async () => ({ body: { token: await token() } }) };
  },
  resetPassword: async (world) => {
    const lan = await signUp(world.url);
    const token = () => newLink(world, { person: lan, purpose: "password_reset" });
    return { "by a link": async () => ({ body: { token: await token(), password: PASSWORD } }) };
  },
  beginTotp: async (world) => {
    const lan = await signUp(world.url);
    await newApp(world, lan, false);
    return {
      "the first": async () => {
        await forgetApp(world, lan);
        return { token: lan.token };
      },
    };
  },
  confirmTotp: async (world) => {
    const lan = await signUp(world.url);
    const code = async () => codeOf(await newApp(world, lan, false));
    return { "with a code": async () => ({ token: lan.token, body: { code: await code() } }) };
  },
  disableTotp: async (world) => {
    const lan = await signUp(world.url);
    const code = async () => codeOf(await newApp(world, lan, true), 1);
    return { "with a code": async () => ({ token: lan.token, body: { code: await code() } }) };
  },
  confirmEmailChange: async (world) => {
    const lan = await signUp(world.url);
    return { "by a link": async () => ({ body: { token: await newChangeLink(world, lan) } }) };
  },
};

/** What shows which session is meant, where it is not an access token: in a cookie as our own page sends it, or bare. */
function waysOut(world: World, person: Person): Calls {
  const refreshToken = async () => (await newSession(world, person)).refreshToken;
  return {
    "with a cookie": async () => ({
      headers: {
        cookie: `__Host-frm_refresh=${await refreshToken()}`,
        origin: world.url,
        "x-frm-csrf": "1",
      },
    }),
    "with a body": async () => ({ body: { refreshToken: await refreshToken() } }),
  };
}
