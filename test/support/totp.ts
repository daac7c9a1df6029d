import { hotp, stepAt } from "../../src/features/mfa/service/one_time_codes.ts";
import { type Answer, call, PASSWORD, type Person } from "./client.ts";
import type { TestDatabase } from "./database.ts";

const PATH = "/v1/account/totp";
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

type Owner = Pick<Person, "id" | "token">;
type Rows = Pick<TestDatabase, "sql">;

/** An authenticator app that was given a secret. */
export interface App {
  /** In Base32, as it was shown. */
  text: string;
  secret: Uint8Array;
  recoveryCodes: string[];
}

/** As if the link in the welcome mail had been followed. */
export async function confirmAddress({ sql }: Rows, { id }: Owner): Promise<void> {
  await sql`update app.accounts set email_verified_at = coalesce(email_verified_at, now())
    where user_id = ${id}`;
}

/** Shows a user's app the secret, without confirming it. It takes an address that is confirmed, here or before. */
export async function setUpApp(url: string, person: Owner, rows?: Rows): Promise<App> {
  if (rows) await confirmAddress(rows, person);
  const { token } = person;
  const { status, body } = await call("POST", `${url}${PATH}`, { token });
  if (status !== 201) throw new Error(`Cannot set an app up: ${status} ${JSON.stringify(body)}`);
  const text = String(body["secret"]);
  return { text, secret: fromBase32(text), recoveryCodes: [] };
}

/** Gives a user a second factor. Its first code is spent, so that the next one that works is that of the next step. */
export async function enableApp(url: string, person: Owner, rows?: Rows): Promise<App> {
  const app = await setUpApp(url, person, rows);
  const answer = await call("POST", `${url}${PATH}/confirm`, {
    token: person.token,
    body: { code: codeOf(app) },
  });
  if (answer.status !== 201)
    throw new Error(`Cannot confirm an app: ${JSON.stringify(answer.body)}`);
  return { ...app, recoveryCodes: answer.body["recoveryCodes"] as string[] };
}

/** What the app shows, now or some steps away from it. */
export function codeOf({ secret }: App, steps = 0): string {
  return hotp(secret, stepAt(new Date()) + steps);
}

/** Six digits that the app does not show around now. */
export function wrongCodeOf(app: App): string {
  const near = [-3, -2, -1, 0, 1, 2, 3].map((steps) => codeOf(app, steps));
  let code = 0;
  while (near.includes(String(code).padStart(6, "0"))) code += 1;
  return String(code).padStart(6, "0");
}

/** As if no code of the app had been used yet, nor a wrong one tried. */
export async function forgetCodes({ sql }: TestDatabase, { id }: Person): Promise<void> {
  await sql`update app.totp_secrets
    set last_step = 0, code_failures_until = null, recovery_failures_until = null
    where user_id = ${id}`;
}

export async function logInWith(url: string, { email }: Person, code?: string): Promise<Answer> {
  const body = { email, password: PASSWORD, transport: "body", ...(code ? { code } : {}) };
  return await call("POST", `${url}/v1/auth/login`, { body });
}

/** Written anew here, so that a mistake in ours does not agree with itself. */
function fromBase32(text: string): Uint8Array {
  const bits = text.replaceAll(/./g, (letter) =>
    ALPHABET.indexOf(letter).toString(2).padStart(5, "0"),
  );
  const bytes = bits.match(/.{8}/g) ?? [];
  return Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 2));
}
