import { expect, test } from "bun:test";

import { bodyOf, listUsers } from "../../support/password_callers.ts";
import { listFiles, readFiles, type SourceFile } from "../../support/source.ts";

const ROOT = `${import.meta.dir}/../../..`;
const SERVICE = "src/features/auth/service";
const files = await readFiles(
  ROOT,
  listFiles(ROOT).filter((path) => /^src\/.*\.tsx?$/.test(path)),
);

/** Each function on the way from a throttle to the check of a password, and all that may use it, with the reason. */
const USERS: Record<string, Record<string, string>> = {
  verifyPassword: {
    [`${SERVICE}/accounts.ts › tryLogin`]: "the password of a sign-in",
    [`${SERVICE}/password_proof.ts › tryPassword`]: "the password of who is signed in",
  },
  tryLogin: { [`${SERVICE}/accounts.ts › login`]: "once, and again if it was changed meanwhile" },
  login: { [`${SERVICE}/sign_in.ts › logInWithin`]: "throttled by address and account" },
  tryPassword: {
    [`${SERVICE}/password_proof.ts › withPassword`]: "throttled by user, for everything together",
  },
};
/** What lets only so many through. */
const THROTTLED: [path: string, name: string][] = [
  [`${SERVICE}/sign_in.ts`, "logInWithin"],
  [`${SERVICE}/password_proof.ts`, "withPassword"],
];

/** Nothing else may import a feature's service, so that a variable of the same name elsewhere means something else. */
function usersOf(all: SourceFile[], name: string): string[] {
  return listUsers(
    all.filter(({ path }) => path.startsWith("src/features/")),
    name,
  );
}

function mistakesIn(all: SourceFile[]): string[] {
  const users = Object.entries(USERS).flatMap(([name, allowed]) =>
    usersOf(all, name).filter((user) => !Object.hasOwn(allowed, user)),
  );
  const hashing = all
    .filter(({ path }) => path !== `${SERVICE}/passwords.ts`)
    .filter(({ source }) => /\bBun\s*\.\s*password\b/.test(source))
    .map(({ path }) => `${path} › Bun.password`);
  const open = THROTTLED.filter(([path, name]) => {
    const file = all.find((each) => each.path === path);
    return !file || !bodyOf(file, name).includes("workWithin(");
  });
  return [...users, ...hashing, ...open.map(([path, name]) => `${path} › ${name} is open`)];
}

/** The sources with one of them changed, or one more. */
function withSource(path: string, change: (source: string) => string): SourceFile[] {
  const source = files.find((file) => file.path === path)?.source ?? "";
  return [...files.filter((file) => file.path !== path), { path, source: change(source) }];
}

test("every check of a password is throttled, and each use of one is listed with its reason", () => {
  expect(mistakesIn(files)).toEqual([]);
  for (const [name, allowed] of Object.entries(USERS))
    expect([name, usersOf(files, name)]).toEqual([name, Object.keys(allowed)]);
});

const MOD = "src/features/auth/mod.ts";
const RECENT = `${SERVICE}/recent.ts`;
const FRESH = "src/features/chat/service/secrets.ts";

test.each<[path: string, change: (source: string) => string, found: string]>([
  [
    RECENT,
    (source) => `${source}\nexport async function peek() {\n  return verifyPassword("", "");\n}\n`,
    `${RECENT} › peek`,
  ],
  [
    RECENT,
    () => `import { verifyPassword as matches } from "./passwords.ts";\nmatches("", "");`,
    `${RECENT} › import or export`,
  ],
  [
    MOD,
    (source) => `${source}\nexport { verifyPassword } from "./service/passwords.ts";`,
    `${MOD} › import or export`,
  ],
  [FRESH, () => `const checks = [verifyPassword];`, `${FRESH} › module`],
  [FRESH, () => `export const ok = Bun.password.verifySync("", "");`, `${FRESH} › Bun.password`],
  [FRESH, () => `function open() {\n  return login(platform, input);\n}`, `${FRESH} › open`],
  [
    `${SERVICE}/password_proof.ts`,
    (source) => source.replace("workWithin(platform.throttle, attempt, ", "("),
    `${SERVICE}/password_proof.ts › withPassword is open`,
  ],
])("a check in %s that goes past the throttle is found (%#)", (path, change, found) => {
  expect(mistakesIn(withSource(path, change))).toEqual([found]);
});
