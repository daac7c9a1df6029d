import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { copyApp } from "../../scripts/browser/app.ts";

const ROOT = join(import.meta.dir, "..", "..");
const IS_ROOT = process.getuid?.() === 0;

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "frm-browser-"));
});
afterAll(() => rm(work, { recursive: true, force: true }));

/** A folder of programs, each a script of the shell, as the whole PATH. */
async function makePath(programs: Record<string, string>): Promise<string> {
  const path = await mkdtemp(join(work, "bin-"));
  for (const [name, script] of Object.entries(programs)) {
    await Bun.write(join(path, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(path, name), 0o755);
  }
  return path;
}

/** What the search for Chromium answers in a process of its own, with its lines before. */
async function findIn(path: string, env: Record<string, string> = {}): Promise<string[]> {
  const module = join(ROOT, "scripts/browser/chromium.ts");
  const script = `import { prepareChromium } from ${JSON.stringify(module)};
    await prepareChromium(console.log).then(console.log, ({ message }) => console.log("!", message));`;
  const child = Bun.spawn([process.execPath, "-e", script], {
    env: { PATH: path, ...env },
    stdout: "pipe",
    stderr: "inherit",
  });
  return (await child.stdout.text()).trim().split("\n");
}

test("Chromium is the one that is named, then the one on PATH, and nothing is installed", async () => {
  const path = await makePath({ chromium: "", "google-chrome": "", "apt-get": "exit 1" });
  expect(await findIn(path)).toEqual([join(path, "chromium")]);
  const other = await makePath({ "google-chrome": "" });
  expect(await findIn(other)).toEqual([join(other, "google-chrome")]);
  const named = join(other, "google-chrome");
  expect(await findIn(path, { CHROMIUM_PATH: named })).toEqual([named]);
  expect(await findIn(path, { CHROMIUM_PATH: "/nowhere/chromium" })).toEqual([
    `! Cannot use CHROMIUM_PATH "/nowhere/chromium": it is no program`,
  ]);
});

test("where there is none it is installed by who may, and others are told what to type", async () => {
  const path = await makePath({
    "apt-get": `echo "$@" >> "\${0%/*}/asked"; case "$*" in *" install "*) printf '#!/bin/sh\\n' > "\${0%/*}/chromium"; /bin/chmod 755 "\${0%/*}/chromium";; esac`,
  });
  const install = "-o DPkg::Lock::Timeout=300 install -y --no-install-recommends chromium";
  if (IS_ROOT) {
    expect(await findIn(path)).toEqual(["installing Chromium …", join(path, "chromium")]);
    const asked = await Bun.file(join(path, "asked")).text();
    expect(asked.trim().split("\n")).toEqual(["-o DPkg::Lock::Timeout=300 update", install]);
  } else {
    expect((await findIn(path)).join("\n")).toContain(`type: sudo apt-get ${install}`);
    expect(await Bun.file(join(path, "asked")).exists()).toBe(false);
  }
});

test("an installation that fails, and a system without apt-get, end with a reason", async () => {
  const empty = await makePath({});
  expect((await findIn(empty)).join("\n")).toContain("! Cannot find Chromium: set CHROMIUM_PATH");
  if (!IS_ROOT) return;
  const failing = await makePath({ "apt-get": `echo "no such package" >&2; exit 100` });
  expect((await findIn(failing)).at(-1)).toBe(
    `! Cannot run "apt-get -o DPkg::Lock::Timeout=300 update": no such package`,
  );
});

test("the app is copied with the client beside it, and without what was made on the spot", async () => {
  const client = join(work, "client");
  await mkdir(client, { recursive: true });
  await Bun.write(join(client, "package.json"), `{ "name": "@frm-ai/client" }`);
  const copy = await copyApp(join(work, "side"), client);
  const files = await Array.fromAsync(new Bun.Glob("**").scan({ cwd: copy.dir, dot: true }));
  expect(files).toContain("proxy.ts");
  expect(files).toContain("bun.lock");
  expect(files.filter((path) => /node_modules|\.next|next-env|tsbuildinfo/.test(path))).toEqual([]);
  const { dependencies } = (await Bun.file(join(copy.dir, "package.json")).json()) as {
    dependencies: Record<string, string>;
  };
  const place = (dependencies["@frm-ai/client"] ?? "").replace(/^file:/, "");
  expect(await Bun.file(join(copy.dir, place, "package.json")).exists()).toBe(true);
});
