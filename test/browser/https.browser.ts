import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { generateSigningKey } from "../../src/platform/tokens.ts";
import { PASSWORD } from "../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../support/instance.ts";
import { fetching, FORM, form } from "./attacks.ts";
import { type Chromium, openChromium } from "./chromium.ts";
import { askWho, callFrom, COOKIE, sessionsOf } from "./own_page.ts";
import type { Page } from "./page.ts";
import { arrivedAt, openSite, type Site } from "./sites.ts";

/* Production, with TLS of its own and without. */

const SETUP_LIMIT_MS = 60_000;

let folder: string;
let cluster: Cluster;
let chromium: Chromium;
let own: Site;
let plainSite: Site;
let secure: Instance;
let plain: Instance;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "frm-tls-"));
  const [cert, key] = await makeCertificate(folder);
  own = openSite({ cert: await Bun.file(cert).text(), key: await Bun.file(key).text() });
  plainSite = openSite();
  [cluster, chromium] = await Promise.all([openCluster(), openChromium()]);
  const env = {
    NODE_ENV: "production",
    HOST: "127.0.0.1",
    PUBLIC_URL: "https://localhost",
    JWT_KEYS: JSON.stringify([await generateSigningKey()]),
  };
  secure = await cluster.start({
    ...env,
    WEB_ORIGINS: own.sibling,
    TLS_CERT: cert,
    TLS_KEY: key,
  });
  plain = await cluster.start({ ...env, WEB_ORIGINS: plainSite.sibling });
}, SETUP_LIMIT_MS);

afterAll(async () => {
  await chromium?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  for (const site of [own, plainSite]) await site?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
}, SETUP_LIMIT_MS);

/** A certificate for localhost that nobody vouches for. */
async function makeCertificate(into: string): Promise<[cert: string, key: string]> {
  const [cert, key] = [join(into, "cert.pem"), join(into, "key.pem")];
  const argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  argv.push("-nodes", "-days", "1", "-subj", "/CN=localhost", "-keyout", key, "-out", cert);
  argv.push("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1");
  const made = Bun.spawn(argv, { stdout: "ignore", stderr: "pipe" });
  const said = await made.stderr.text();
  if ((await made.exited) !== 0) throw new Error(`Cannot make a certificate: ${said}`);
  return [cert, key];
}

function newcomer() {
  const email = `${Bun.randomUUIDv7()}@example.com`;
  return { email, password: PASSWORD, displayName: "Lan" };
}

/** Registers in a page, whose browser then has the cookie. @returns the id of the user. */
async function registerFrom(page: Page, url: string): Promise<string> {
  const said = await callFrom(page, `${url}/v1/auth/register`, newcomer());
  expect(said.status).toBe(201);
  const claims = (said.accessToken ?? "").split(".")[1] ?? "";
  return (JSON.parse(Buffer.from(claims, "base64url").toString()) as { sub: string }).sub;
}

test("over TLS our own page signs in, refreshes and logs out, and the cookie comes and goes", async () => {
  await using page = await chromium.openPage({ trustAnyCertificate: true });
  await page.goto(own.sibling);
  const url = secure.url.replace("http:", "https:");
  const userId = await registerFrom(page, url);
  const before = (await page.cookies())[COOKIE];
  const said = await callFrom(page, `${url}/v1/auth/refresh`);
  expect(said.status).toBe(200);
  expect((await page.cookies())[COOKIE]).not.toBe(before ?? "");
  expect(await askWho(page, url, said.accessToken ?? "")).toMatchObject({ status: 200 });

  // The same host without TLS is another site to the browser, which keeps the cookie from its pages.
  const cookie = (await page.cookies())[COOKIE];
  const sessions = await sessionsOf(cluster.database, userId);
  for (const attack of [form(FORM), fetching()]) {
    await using tab = await page.openTab();
    await tab.goto(plainSite.sibling);
    await tab.read(attack(`${own.sibling}/v1/auth/refresh`));
    expect((await arrivedAt(own, "/v1/auth/refresh")).cookie).toBe("");
    await tab.goto(plainSite.sibling);
    await tab.read(attack(`${url}/v1/auth/refresh`));
    await tab.untilAnswer(`${url}/v1/auth/refresh`);
  }
  expect(await sessionsOf(cluster.database, userId)).toEqual(sessions);
  expect((await page.cookies())[COOKIE]).toBe(cookie ?? "");

  expect(await callFrom(page, `${url}/v1/auth/logout`)).toMatchObject({ status: 204 });
  expect(await page.cookies()).toEqual({});
});

test("without TLS production refuses every call of a browser, and makes nothing", async () => {
  await using page = await chromium.openPage();
  await page.goto(`${plain.url}/v1/me`);
  expect(await page.read("JSON.parse(document.body.innerText).code")).toBe("https_required");
  await page.goto(plainSite.sibling);
  const [before] = await cluster.database.sql`select count(*) from app.users`;
  const said = await callFrom(page, `${plain.url}/v1/auth/register`, newcomer());
  expect(said).toMatchObject({ status: 403, code: "https_required" });
  expect((await callFrom(page, `${plain.url}/v1/auth/refresh`)).status).toBe(403);
  const [after] = await cluster.database.sql`select count(*) from app.users`;
  expect(after).toEqual(before ?? {});
  expect(await page.cookies()).toEqual({});
  const socket = `new Promise((resolve) => {
    const socket = new WebSocket("${plain.url.replace("http", "ws")}/v1/ws", "frm.v1");
    socket.onopen = () => resolve("open");
    socket.onclose = ({ code }) => resolve("closed " + code);
  })`;
  expect(await page.read(socket)).toBe("closed 1006");
});
