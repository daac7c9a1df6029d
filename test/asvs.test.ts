import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";

import { AppError } from "../src/platform/errors.ts";
import { createTokens, generateSigningKey } from "../src/platform/tokens.ts";
import { call, PASSWORD, type Person, signUp } from "./support/client.ts";
import { exchange } from "./support/fuzz_wire.ts";
import { type Cluster, type Instance, openCluster } from "./support/instance.ts";
import { type Document, listOperations } from "./support/openapi.ts";
import { listFiles, readFiles, type SourceFile, viewsOf } from "./support/source.ts";

const ROOT = join(import.meta.dir, "..");
const src = await readFiles(
  ROOT,
  listFiles(ROOT).filter((path) => /^src\/.*\.tsx?$/.test(path)),
);
const BITS_PER_CHARACTER = 6;
const HANDSHAKE: [string, string][] = [
  ["connection", "upgrade"],
  ["upgrade", "websocket"],
  ["sec-websocket-version", "13"],
  ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="],
  ["sec-websocket-protocol", "frm.v1"],
];

let cluster: Cluster;
let server: Instance;
let lan: Person;

beforeAll(async () => {
  cluster = await openCluster();
  server = await cluster.start();
  lan = await signUp(server.url);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

interface Rule {
  pattern: RegExp;
  view: (file: SourceFile) => string;
  /** Files in which it may stand; a path that ends with a slash is a folder. */
  except?: string[];
  /** What must be found out. */
  break: string;
}

const inCode = ({ source }: SourceFile) => viewsOf(source).code;
const inText = ({ source }: SourceFile) => source;
const EMBEDDED = ["src/platform/embedded/"];

/** Texts that name an algorithm, as a call takes them. */
function algorithmsIn({ source }: SourceFile): string {
  const calls = source.matchAll(/(?:CryptoHasher|digest|encrypt|importKey)\(\s*([^;]{0,80})/g);
  return [...calls].map(([, text = ""]) => text).join("\n");
}

const CODE_OF_TEXT: Rule[] = [
  // What Redis calls eval runs our own scripts there, which take what differs as arguments.
  { pattern: /(?<![.\w])eval\(/, view: inCode, break: "eval(text);" },
  { pattern: /(?<![.\w])Function\(/, view: inCode, break: "new Function(text)();" },
  { pattern: /["'](?:node:)?vm["']/, view: inText, break: 'import vm from "node:vm";' },
];
const PROCESSES: Rule[] = [
  {
    pattern: /\bBun\.(?:spawn|spawnSync|\$)/,
    view: inCode,
    except: EMBEDDED,
    break: "Bun.spawn([text]);",
  },
  { pattern: /\bBun\.\$/, view: inCode, break: "await Bun.$`ls ${text}`;" },
  { pattern: /["'](?:node:)?child_process["']/, view: inText, break: 'import "child_process";' },
  {
    pattern: /["'](?:ba)?sh["'],\s*["']-c["']/,
    view: inText,
    break: 'Bun.spawn(["sh", "-c", text]);',
  },
];
const ALGORITHMS: Rule[] = [
  {
    pattern: /\bsha-?1\b/i,
    view: algorithmsIn,
    // Redis names its scripts by SHA-1, and authenticator apps know no other HMAC.
    except: ["src/features/mfa/service/one_time_codes.ts", "src/platform/redis_script.ts"],
    break: 'new Bun.CryptoHasher("sha1");',
  },
  {
    pattern: /\b(?:md[245]|ripemd\w*|(?:3?des|rc4|blowfish)|\w*-?(?:ecb|cbc|ctr))\b/i,
    view: algorithmsIn,
    break: 'crypto.subtle.encrypt({ name: "AES-CBC", iv }, key, text);',
  },
  { pattern: /\bcreate(?:Cipheriv|Hash|Hmac)\(/, view: inCode, break: 'createHash("md5");' },
];

/** Where a rule is broken. */
function breaksOf({ pattern, view, except = [] }: Rule, files: SourceFile[]): string[] {
  return files
    .filter(({ path }) => !except.some((one) => path.startsWith(one)))
    .filter((file) => pattern.test(view(file)))
    .map(({ path }) => path);
}

test("nothing makes code of text, and only the embedded servers are started, never by a shell", () => {
  expect(src.length).toBeGreaterThan(100);
  for (const rule of [...CODE_OF_TEXT, ...PROCESSES]) expect(breaksOf(rule, src)).toEqual([]);
});

test("what is hashed is hashed with SHA-256, and what is sealed is sealed with AES-GCM", () => {
  for (const rule of ALGORITHMS) expect(breaksOf(rule, src)).toEqual([]);
  const sealed = src.filter((file) => /\bencrypt\(/.test(inCode(file)));
  expect(sealed.map(({ path }) => path)).toEqual(["src/features/mfa/service/sealing.ts"]);
  expect(sealed[0]?.source).toContain('"AES-GCM"');
});

test.each([...CODE_OF_TEXT, ...PROCESSES, ...ALGORITHMS])("$break is noticed", (rule) => {
  const path = "src/features/chat/service.ts";
  expect(breaksOf(rule, [{ path, source: rule.break }])).toEqual([path]);
});

test("a key that a token brings along, or points to, verifies nothing", async () => {
  const ours = await generateSigningKey();
  const tokens = createTokens([ours], () => new Date());
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  const jwk = await crypto.subtle.exportKey("jwk", (pair as CryptoKeyPair).publicKey);
  const { token } = await tokens.sign({
    userId: Bun.randomUUIDv7(),
    sessionId: Bun.randomUUIDv7(),
    counter: 0,
  });
  expect((await tokens.verify(token)).counter).toBe(0);
  const [head = "", claims = ""] = token.split(".");
  const usual = JSON.parse(Buffer.from(head, "base64url").toString()) as object;
  const elsewhere = "https://attacker.example/keys.json";
  for (const more of [{ jwk }, { jku: elsewhere }, { x5u: elsewhere }, { jwk, kid: undefined }]) {
    const header = Buffer.from(JSON.stringify({ ...usual, ...more })).toString("base64url");
    const signed = Buffer.from(`${header}.${claims}`);
    const made = await crypto.subtle.sign("Ed25519", (pair as CryptoKeyPair).privateKey, signed);
    const forged = `${header}.${claims}.${Buffer.from(made).toString("base64url")}`;
    const verify = async () => await tokens.verify(forged);
    const refusal = await verify().catch((error: unknown) => error);
    expect(refusal instanceof AppError && refusal.kind.code).toBe("token_invalid");
  }
});

test("keys of sessions and tickets have more than 128 random bits, and none comes twice", async () => {
  await Promise.all([signUp(server.url), signUp(server.url)]);
  const keys = await cluster.database.sql<{ key: string }[]>`
    select encode(refresh_key, 'hex') as key from app.sessions`;
  expect(keys.length).toBeGreaterThanOrEqual(3);
  for (const { key } of keys) expect(key.length * 4).toBeGreaterThanOrEqual(256);
  expect(new Set(keys.map(({ key }) => key)).size).toBe(keys.length);
  const tickets = new Set<string>();
  for (let turn = 0; turn < 3; turn += 1) {
    const { body } = await call("POST", `${server.url}/v1/realtime/ticket`, { token: lan.token });
    const random = String(body["ticket"]).replace(/^wst1_/, "");
    expect(random.length * BITS_PER_CHARACTER).toBeGreaterThanOrEqual(128);
    tickets.add(random);
  }
  expect(tickets.size).toBe(3);
});

test("no documented path or query carries a password, a token or a code", async () => {
  const document = (await call("GET", `${server.url}/swagger/json`)).body as unknown as Document;
  const names = listOperations(document).flatMap(({ operation }) =>
    operation.parameters.filter((one) => one.in !== "header").map(({ name }) => name),
  );
  expect(names).toContain("cursor");
  expect(names.filter((name) => /pass|secret|token|ticket|code|key|session/i.test(name))).toEqual(
    [],
  );
});

test("logging out tells the browser to forget the cookie and what it has kept of answers", async () => {
  const login = await call("POST", `${server.url}/v1/auth/login`, {
    body: { email: lan.email, password: PASSWORD },
  });
  const token = String(login.body["accessToken"]);
  const { status, headers } = await call("POST", `${server.url}/v1/auth/logout`, { token });
  expect(status).toBe(204);
  expect(headers.get("clear-site-data")).toBe('"cache"');
  expect(headers.get("set-cookie")).toContain("Max-Age=0");
  expect(login.headers.get("cache-control")).toBe("private, no-store");
});

test("production opens no socket over plain HTTP", async () => {
  const production = await cluster.start({
    NODE_ENV: "production",
    HOST: "127.0.0.1",
    PUBLIC_URL: "https://api.example.com",
    JWT_KEYS: JSON.stringify([await generateSigningKey()]),
  });
  const handshake = async ({ url }: Instance, host: string) =>
    await exchange(url, {
      method: "GET",
      target: "/v1/ws",
      headers: [["host", host], ...HANDSHAKE],
      chunked: false,
    });
  const refused = await handshake(production, "api.example.com");
  expect([refused.status, refused.text]).toEqual([403, expect.stringContaining("https_required")]);
  expect((await handshake(server, new URL(server.url).host)).status).toBe(101);
});
