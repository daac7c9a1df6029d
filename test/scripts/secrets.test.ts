import { afterAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { SECRET_RULES } from "../../scripts/secret_rules.ts";
import { scanSecrets } from "../../scripts/secrets.ts";

const dir = await mkdtemp(join(tmpdir(), "frm-secrets-"));
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Random text, made here, so that no secret stands in this file; it begins in a way that the scan must not print. */
function random(
  length: number,
  letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789",
): string {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  // One of each kind, because a random text may by chance have no digit.
  const start = letters.includes("2") && letters.includes("a") ? "a2" : "";
  return (start + [...bytes].map((byte) => letters[byte % letters.length]).join("")).slice(
    0,
    length,
  );
}

const LETTERS = "BCDFGHJKLMNPQRSTVWXZbcdfghjklmnpqrstvwxz";
const HEX = "0123456789abcdef";
const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** What each rule must find: the rule, the file, its text, and the part that must never be printed. */
const PLANTED: {
  rule: string;
  path?: string;
  plant: (secret: string) => string;
  secret: string;
}[] = [
  { rule: "age key", plant: (s) => `AGE-SECRET-${"KEY"}-1${s}`, secret: random(58, UPPER) },
  { rule: "aws key", plant: (s) => `id = AK${"IA"}${s}`, secret: random(16, UPPER) },
  { rule: "docker token", plant: (s) => `dckr_${"pat"}_${s}`, secret: random(27) },
  { rule: "github token", plant: (s) => `"gh${"p_"}${s}"`, secret: random(36) },
  { rule: "github token", plant: (s) => `github_${"pat"}_${s}`, secret: random(82) },
  { rule: "gitlab token", plant: (s) => `gl${"pat"}-${s}`, secret: random(20) },
  { rule: "google key", plant: (s) => `?key=AI${"za"}${s}`, secret: random(35) },
  { rule: "hugging face token", plant: (s) => `h${"f_"}${s}`, secret: random(34, LETTERS) },
  { rule: "jwt", plant: (s) => `${jwtHead()}.${s}`, secret: random(43) },
  { rule: "new relic key", plant: (s) => `NR${"AK"}-${s}`, secret: random(27, UPPER) },
  {
    rule: "npm token",
    path: ".npmrc",
    plant: (s) => `//r/:_auth=npm${"_"}${s}`,
    secret: random(36),
  },
  { rule: "openai or anthropic key", plant: (s) => `s${"k-"}proj-${s}`, secret: random(48) },
  { rule: "openai or anthropic key", plant: (s) => `s${"k-"}${s}`, secret: random(48) },
  { rule: "resend key", plant: (s) => `r${"e_"}${s}_${random(24)}`, secret: random(8) },
  { rule: "sendgrid key", plant: (s) => `S${"G."}${random(22)}.${s}`, secret: random(43) },
  {
    rule: "sentry dsn or token",
    plant: (s) => `https://${s}@o1.ingest.sentry.io/42`,
    secret: random(32, HEX),
  },
  { rule: "slack token", plant: (s) => `xox${"b-"}1234-${s}`, secret: random(24) },
  { rule: "stripe key", plant: (s) => `sk_${"live"}_${s}`, secret: random(24) },
  { rule: "supabase key", plant: (s) => `sb_${"secret"}_${s}`, secret: random(31) },
  { rule: "telegram token", plant: (s) => `12345678:${"AA"}${s}`, secret: random(33) },
  { rule: "vault token", plant: (s) => `hv${"s."}${s}`, secret: random(40) },
  { rule: "private key", plant: (s) => `${pemHead("RSA ")}\n${s}\n`, secret: random(64) },
  { rule: "private key", plant: (s) => `key: "${pemHead("")}\\n${s}\\n"`, secret: random(64) },
  {
    rule: "private key",
    plant: (s) => `\`${pemHead("EC ")}\nProc-Type: 4\n\n${s}\``,
    secret: random(64),
  },
  {
    rule: "private jwk",
    plant: (s) => `{"kty":"OKP","crv":"Ed25519","d":"${s}"}`,
    secret: random(43),
  },
  { rule: "private jwk", plant: (s) => `{ d: '${s}',\n\n kty: 'EC' }`, secret: random(43) },
  { rule: "password in a url", plant: (s) => `postgres://u:${s}@db.host.net/x`, secret: random(9) },
  { rule: "password in a url", plant: (s) => `rediss://:${s}@cache:6379`, secret: random(9) },
  { rule: "assigned secret", plant: (s) => `const apiKey = "${s}";`, secret: random(24) },
  { rule: "assigned secret", plant: (s) => `{ "client_secret": "${s}" }`, secret: random(24) },
  {
    rule: "assigned secret",
    plant: (s) => `headers.set("x-auth-token", '${s}')`,
    secret: random(24),
  },
  {
    rule: "assigned secret",
    path: "deploy.yml",
    plant: (s) => `  db_password: ${s}`,
    secret: random(24),
  },
  {
    rule: "assigned secret",
    path: ".env.example",
    plant: (s) => `JWT_SECRET=${s}`,
    secret: random(24),
  },
  {
    rule: "assigned secret",
    path: "Dockerfile",
    plant: (s) => `ENV API_TOKEN=${s}`,
    secret: random(24),
  },
  ...["notes.md", "setup.sh", "compose.yml"].map((path) => ({
    rule: "assigned secret",
    path,
    plant: (s: string) => `export DB_PASS=${s}`,
    secret: random(20),
  })),
  {
    rule: "assigned secret",
    path: "README.md",
    plant: (s) => `Set \`PASSWORD=${s}\` first.`,
    secret: random(20),
  },
  { rule: "assigned secret", path: "a.sh", plant: (s) => `PASSWORD=${s}!%`, secret: random(20) },
  { rule: "assigned secret", plant: (s) => `user.setPassword("${s}")`, secret: random(20) },
  { rule: "assigned secret", plant: (s) => `const secret = "${s}";`, secret: random(32, LETTERS) },
  ...[
    (s: string) => `const key = process.env.STRIPE ?? "${s}";`,
    (s: string) => `const key = process.env["STRIPE"] || '${s}';`,
    (s: string) => `const key = Bun.env.STRIPE\n    ?? "${s}";`,
    (s: string) => `process.env.STRIPE ??= "${s}";`,
    (s: string) => `const apiKey = settings.find() ?? "${s}";`,
  ].map((plant) => ({ rule: "secret as a fallback", plant, secret: random(24) })),
  {
    rule: "authorization header",
    plant: (s) => `{ authorization: "Bearer ${s}" }`,
    secret: random(24),
  },
  {
    rule: "authorization header",
    path: "a.md",
    plant: (s) => `curl -H 'Authorization: Basic ${s}' https://api.host.net`,
    secret: btoa(`lan:${random(9)}`),
  },
  {
    rule: "password in a url",
    plant: (s) => `"postgres://db.host.net/x?user=app&password=${s}&a=b"`,
    secret: random(9),
  },
  { rule: "password in a url", plant: (s) => `https://host.net/?token=${s}`, secret: random(24) },
  {
    rule: "password in sql",
    path: "drizzle/1.sql",
    plant: (s) => `alter role app with login\n  password '${s}';`,
    secret: random(9),
  },
  { rule: "short password", path: "a.md", plant: (s) => `PGPASSWORD=${s} psql`, secret: random(9) },
  { rule: "short password", plant: (s) => `await page.setPassword('${s}')`, secret: random(12) },
  { rule: "file of secrets", path: "deploy/id_ed25519", plant: (s) => s, secret: random(24) },
  { rule: "file of secrets", path: ".netrc", plant: (s) => s, secret: random(24) },
];

function jwtHead(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "HS256", typ: "JWT" })}.${part({ role: "service_role", iss: "supabase" })}`;
}

function pemHead(kind: string): string {
  return `-----BEGIN ${kind}PRIVATE ${"KEY"}-----`;
}

/** A folder without git, as an unpacked archive is, with these files. */
async function folderOf(files: Record<string, string | Uint8Array>): Promise<string> {
  const root = await mkdtemp(join(dir, "tree-"));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await Bun.write(join(root, path), content);
  }
  return root;
}

test.each(PLANTED.map((planted, index) => ({ name: `${planted.rule} #${index}`, ...planted })))(
  "a planted secret is found and not printed: $name",
  async ({ rule, path = "src/a.ts", plant, secret }) => {
    const root = await folderOf({ [path]: `// first line\n\n${plant(secret)}\n` });
    const found = (await scanSecrets(root, [])).join("\n");
    expect(found).toContain(`${path}:`);
    expect(found).toContain(`: ${rule} `);
    // Four characters are shown to recognise it by; a fifth would begin to give it away.
    expect(found).not.toContain(secret.slice(0, 5));
  },
);

test("every rule has a planted secret", () => {
  const planted = new Set(PLANTED.map(({ rule }) => rule));
  expect(SECRET_RULES.map(({ name }) => name).filter((name) => !planted.has(name))).toEqual([]);
});

test("the place of a secret is exact", async () => {
  const root = await folderOf({ "a.md": `one\ntwo\nsk_${"live"}_${random(24)}\n` });
  expect((await scanSecrets(root, []))[0]).toStartWith("a.md:3: stripe key sk_l… (");
});

test("what only talks about secrets is none", async () => {
  const root = await folderOf({
    "src/a.ts": [
      "const token = crypto.getRandomValues(new Uint8Array(32));",
      `const password = "seven green lanterns 7";`,
      "const apiKey = readSetting('RESEND_API_KEY_2') ?? `${prefix}12345678901234567890`;",
      `const name = "access_token_and_refresh_token";`,
      `if (!pem.startsWith("-----BEGIN PRIVATE ${"KEY"}-----")) throw new Error();`,
      `{ kty: "OKP", crv: "Ed25519", x: "${random(43)}" }`,
      `const risk = "task-list-of-the-risk-manager-0123456789";`,
    ].join("\n"),
    ".env.example":
      "JWT_KEYS=\nRESEND_API_KEY=\nDATABASE_URL=postgres://frm:password@localhost/frm\n",
    "README.md":
      "`postgres://user:hunter2@db.example.com/app` `redis://:$PASSWORD@cache` `http://a:b@x.test`\n",
    "bun.lock": `"jose": ["jose@6.0.0", "", {}, "sha512-${random(86)}=="],\n`,
    "src/b.ts": [
      `const place = process.env.API_URL ?? "http://localhost:3000/v1/things";`,
      `const name = kind || "the_name_of_a_thing_0123456789abcdef";`,
      `{ authorization: "Bearer nonsense" } { authorization: "Basic ${btoa("lan:lan")}" } Basic abcdefghi=`,
      `PASSWORD=password setPassword("seven green lanterns 7"); setToken(readTheTokenOfThisUser42(name));`,
      `const token = "theTokenThatAnswersForEveryUserOfThisSystem";`,
      `"otpauth://totp/frm?secret=BASE32SECRET" "https://x.example/?password=hunter2"`,
      `"https://host.net/reset?token=\${token}" "postgres://host.net/x?password=\${password}"`,
    ].join("\n"),
    "drizzle/1.sql": "create role app; alter role app password '${PASSWORD}';\n",
    "image.png": new Uint8Array([137, 80, 0, ...Buffer.from(`apiKey = "${random(24)}"`)]),
  });
  expect(await scanSecrets(root, [])).toEqual([]);
});

test.each([
  ["a picture", (text: string) => Buffer.concat([Buffer.from([137, 80, 0]), Buffer.from(text)])],
  ["UTF-16", (text: string) => Buffer.from(`\uFEFF${text}`, "utf16le")],
  ["UTF-16 of the other order", (text: string) => Buffer.from(`\uFEFF${text}`, "utf16le").swap16()],
  ["UTF-16 without a mark", (text: string) => Buffer.from(text, "utf16le")],
])("the key of a provider is found once in %s", async (_name, encode) => {
  const secret = random(24);
  const root = await folderOf({ "a.bin": encode(`one\nsk_${"live"}_${secret}\nthree`) });
  const found = await scanSecrets(root, []);
  expect(found).toHaveLength(1);
  expect(found[0]).toContain("a.bin:2: stripe key ");
  expect(found[0]).not.toContain(secret.slice(0, 5));
});

test("a text in UTF-16 is read like any other", async () => {
  const text = `\uFEFFone\r\nconst apiKey = "${random(24)}";\r\n`;
  const root = await folderOf({ "a.txt": Buffer.from(text, "utf16le") });
  expect((await scanSecrets(root, [])).join()).toStartWith("a.txt:2: assigned secret ");
});

test("an exception holds for one secret in one file, and not longer than it is needed", async () => {
  const [mine, other] = [`sk_${"live"}_${random(24)}`, `sk_${"live"}_${random(24)}`];
  const root = await folderOf({ "a.md": mine });
  const fingerprint = /\((\w+)\)/.exec((await scanSecrets(root, [])).join())?.[1] ?? "";
  const allowed = [{ fingerprint, reason: "a published vector" }];
  expect(await scanSecrets(root, allowed)).toEqual([]);
  expect(await scanSecrets(root, [{ fingerprint, reason: " " }])).toHaveLength(1);
  for (const files of [{ "b.md": mine }, { "a.md": other }]) {
    const [found, stale, ...rest] = await scanSecrets(await folderOf(files), allowed);
    expect(found).toContain("stripe key");
    expect(stale).toContain(`${fingerprint}: allowed, but not found`);
    expect(rest).toEqual([]);
  }
});

test("git decides what is scanned where there is git", async () => {
  // An unpacked archive may be tested on a machine without git.
  if (Bun.which("git") === null) return;
  const secret = `sk_${"live"}_${random(24)}`;
  const root = await folderOf({
    ".gitignore": "hidden.md\n.env*\n",
    "hidden.md": secret,
    "new.md": secret,
    ".env.local": "PORT=1\n",
    ".env.forced": "PORT=1\n",
  });
  for (const argv of [
    ["init", "--quiet"],
    ["add", "--force", ".env.forced"],
  ])
    expect(Bun.spawnSync(["git", ...argv], { cwd: root }).success).toBe(true);
  const found = await scanSecrets(root, []);
  expect(found.map((line) => line.split(":")[0])).toEqual([".env.forced", "new.md"]);
});

test("this repository holds no secret, and the scan of it is quick", async () => {
  const scan = Bun.spawn([process.execPath, "scripts/secrets.ts"], {
    cwd: join(import.meta.dir, "../.."),
    stdout: "pipe",
  });
  const [output, exitCode] = await Promise.all([scan.stdout.text(), scan.exited]);
  expect(output).toMatch(/^0 secrets found in \d+ ms\n$/);
  expect(exitCode).toBe(0);
});
