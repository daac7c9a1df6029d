import type { SigningKey } from "../../src/platform/settings.ts";
import { createTokens } from "../../src/platform/tokens.ts";
import { call, converse, PASSWORD, type Person, sessionOf, signIn, signUp } from "./client.ts";
import { flip } from "./flip.ts";
import type { Target } from "./fuzz.ts";
import { type Links, openLinks } from "./fuzz_links.ts";
import type { Exchange } from "./fuzz_oracle.ts";
import type { Sender } from "./fuzz_requests.ts";
import { MARK } from "./fuzz_values.ts";
import { IDS, WORDS } from "./fuzz_words.ts";
import type { Cluster, Instance } from "./instance.ts";
import { type Document, listOperations } from "./openapi.ts";
import { takeSnapshot } from "./rows.ts";

/** Every answer has these, whatever it answers. */
const HEADERS = {
  "x-request-id": /^[\w-]{8,64}$/,
  "cache-control": /no-store|public|no-cache/,
  "content-security-policy": /default-src 'none'/,
  "cross-origin-resource-policy": /^same-/,
  "referrer-policy": /^no-referrer$/,
  "x-content-type-options": /^nosniff$/,
  "x-frame-options": /^(?:DENY|SAMEORIGIN)$/,
};

/** Refusals and looks that have an effect on purpose, and the tables that it may touch. */
const EFFECTS: Record<string, string[]> = {
  // A token that comes a second time may be stolen, so the session ends and its owner hears of it.
  refresh_reused: ["sessions", "audit_entries", "bus_outbox", "job_outbox"],
  // A wrong code is counted where the code's secret is.
  totp_invalid: ["totp_secrets"],
  // Whom staff looks at finds it in their log.
  listUsers: ["audit_entries"],
  listUserAudit: ["audit_entries"],
};

/** From one flipped bit to the next, so that few requests reach all parts of a token. */
const STRIDE = 37;

const HANDSHAKE: [string, string][] = [
  ["connection", "upgrade"],
  ["upgrade", "websocket"],
  ["sec-websocket-version", "13"],
  ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="],
  ["sec-websocket-protocol", "frm.v1"],
];

/** Whom requests come from and what they are about. */
interface World {
  me: Person;
  values: Record<string, string>;
}

/** The product as a target: with somebody who tries everything, and others whose things must stay theirs. */
export async function openProduct(
  cluster: Cluster,
  { url, log }: Instance,
  { key, links = { verify: [], reset: [], change: [] } }: { key: SigningKey; links?: Links },
): Promise<Target> {
  const document = (await call("GET", `${url}/swagger/json`)).body as unknown as Document;
  const operations = listOperations(document);
  const others = await makeOthers(url);
  const expired = await makeExpired(key, others.other);
  const mailed = openLinks(links);
  let staff = await makeStaff(cluster, url);
  let world = await makeWorld(url, others);
  let fresh = 0;

  function resolve(name: string): string {
    if (name === "fresh.email") return `fresh${(fresh += 1)}@example.com`;
    if (name === "fresh.id") return crypto.randomUUID();
    if (name === "fresh.password") return `${MARK} ${crypto.randomUUID()}`;
    if (name.startsWith("flip."))
      return flip(world.values[name.replace("flip", "me")] ?? "", (fresh += STRIDE));
    return mailed.find(name) ?? world.values[name] ?? name;
  }
  const tokens: Record<Sender, () => string | undefined> = {
    me: () => world.me.token,
    other: () => others.other.token,
    staff: () => staff.token,
    nobody: () => undefined,
    expired: () => expired,
    revoked: () => others.revoked.token,
    madeUp: () => "made.up.token",
    flipped: () => resolve("flip.token"),
  };
  return {
    url,
    grammar: {
      operations,
      schemas: document.components.schemas,
      words: WORDS,
      ids: IDS,
      headers: [
        ["cookie", "__Host-frm_refresh={{me.refresh}}"],
        ["x-frm-csrf", "1"],
        ["origin", url],
        ["authorization", "Bearer {{other.token}}"],
      ],
      senderOf: ({ path }) => (path.startsWith("/v1/admin/") ? "staff" : "me"),
      headersOf: (id) => (id === "openSocket" ? HANDSHAKE : []),
    },
    rules: { document, operations, headers: HEADERS },
    resolve,
    tokenOf: (sender) => tokens[sender](),
    secrets: () => ({
      others: [others.other.email, others.other.token, others.other.refreshToken, others.secret],
      never: [PASSWORD, others.password, ...mailed.all],
      credentialsOfOthers: [others.other.token, others.other.refreshToken],
    }),
    follow: async (exchange) => {
      mailed.note(exchange);
      if (!learn(world, exchange) && isOver(exchange)) world = await makeWorld(url, others);
      // What every visitor may do, staff does too: it signs out, ends its sessions and changes its password.
      if (exchange.plan.sender === "staff" && !(await isSignedIn(url, staff)))
        staff = await makeStaff(cluster, url);
    },
    snapshot: () => takeSnapshot(cluster.database.sql),
    effectsOf: (codeOrLook) => EFFECTS[codeOrLook] ?? [],
    log,
  };
}

type Others = Awaited<ReturnType<typeof makeOthers>>;

/** People who take no part, with things of their own that nobody else may learn. */
async function makeOthers(url: string) {
  const password = `password-${crypto.randomUUID()}`;
  const [other, friend] = await Promise.all([
    signUp(url, "Other", password),
    signUp(url, "Friend", password),
  ]);
  const revoked = await signIn(url, other, password);
  await call("POST", `${url}/v1/auth/logout`, { token: revoked.token });
  const secret = `secret-${crypto.randomUUID()}`;
  const theirs = await converse(url, other.token, {
    kind: "group",
    name: secret,
    memberIds: [friend.id],
  });
  await say(url, other, { conversation: theirs, body: secret });
  await converse(url, other.token, { kind: "group", name: "More", memberIds: [] });
  const cursor = await cursorOf(url, other, "/v1/conversations");
  return { other, friend, revoked, password, secret, theirs, cursor };
}

/** Somebody who may everything that a person may. */
async function makeStaff({ database: { sql } }: Cluster, url: string): Promise<Person> {
  const person = await signUp(url, "Staff");
  await sql`
    update app.accounts set role = 'admin', version = version + 1 where user_id = ${person.id}`;
  return await signIn(url, person);
}

async function isSignedIn(url: string, { token }: Person): Promise<boolean> {
  return (await call("GET", `${url}/v1/me`, { token })).status === 200;
}

async function makeWorld(url: string, others: Others): Promise<World> {
  const { other, friend, revoked, theirs, cursor } = others;
  const me = await signUp(url, "Me");
  const open = (body: object) => converse(url, me.token, body);
  const group = await open({ kind: "group", name: "VN30", memberIds: [friend.id] });
  const direct = await open({ kind: "direct", userId: friend.id });
  await say(url, me, { conversation: group, body: "Good morning" });
  await say(url, me, { conversation: group, body: "Good evening" });
  const values = {
    "me.id": me.id,
    "me.email": me.email,
    "me.password": PASSWORD,
    "me.token": me.token,
    "me.session": sessionOf(me.token),
    "me.refresh": me.refreshToken,
    "first.refresh": me.refreshToken,
    "me.cursor": await cursorOf(url, me, "/v1/conversations"),
    "me.export": await exportOf(url, me),
    "me.messages": await cursorOf(url, me, `/v1/conversations/${group}/messages`),
    "group.id": group,
    "direct.id": direct,
    "theirs.id": theirs,
    "friend.id": friend.id,
    "other.id": other.id,
    "other.email": other.email,
    "other.token": other.token,
    "other.cursor": cursor,
    "gone.refresh": revoked.refreshToken,
  };
  return { me, values };
}

async function exportOf(url: string, { token }: Person): Promise<string> {
  const { body } = await call("POST", `${url}/v1/account/exports`, { token });
  return String(body["id"]);
}

async function say(
  url: string,
  { token }: Person,
  { conversation, body }: { conversation: string; body: string },
): Promise<void> {
  await call("POST", `${url}/v1/conversations/${conversation}/messages`, {
    token,
    body: { clientId: crypto.randomUUID(), body },
  });
}

async function cursorOf(url: string, { token }: Person, path: string): Promise<string> {
  const { body } = await call("GET", `${url}${path}?limit=1`, { token });
  const { nextCursor } = body["page"] as { nextCursor: string | null };
  if (nextCursor === null) throw new Error(`Cannot take a cursor of "${path}": it has one page`);
  return nextCursor;
}

/** A token of ours whose time is over. */
async function makeExpired(key: SigningKey, { id }: Person): Promise<string> {
  const yesterday = () => new Date(performance.timeOrigin - 86_400_000);
  const claims = { userId: id, sessionId: crypto.randomUUID(), counter: 0 };
  return (await createTokens([key], yesterday).sign(claims)).token;
}

/** Whether `me` has lost the session, or the password that is known here. */
function isOver({ plan, got }: Exchange): boolean {
  if (plan.sender !== "me") return false;
  const changed = plan.operationId === "changePassword" && got.status < 300;
  return changed || /"code":"(?:session_revoked|refresh_reused|account_banned)"/.test(got.text);
}

/** Takes over the newest tokens of the session; true when there were any. */
function learn({ me, values }: World, { got }: Exchange): boolean {
  if (got.status !== 200 || !got.text.includes('"accessToken"')) return false;
  const { user, accessToken, refreshToken } = JSON.parse(got.text) as {
    user: { id: string };
    accessToken: string;
    refreshToken?: string;
  };
  const cookie = /__Host-frm_refresh=([^;]+)/.exec(got.headers.get("set-cookie") ?? "")?.[1];
  if (user.id !== me.id) return false;
  me.token = accessToken;
  values["me.token"] = accessToken;
  values["me.refresh"] = refreshToken ?? cookie ?? "";
  return true;
}
