/** The Chromium that browser tests drive: the machine's own, or Debian's, installed where that is possible. */
export class ChromiumError extends Error {}

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/** The system's package manager waits this long for another run of itself. */
const LOCK_WAIT_S = 300;
const INSTALL_LIMIT_MS = 15 * 60_000;
const APT = ["apt-get", "-o", `DPkg::Lock::Timeout=${LOCK_WAIT_S}`];
const INSTALL = [...APT, "install", "-y", "--no-install-recommends", "chromium"];

/** @throws ChromiumError that says what to type. */
export async function prepareChromium(say: (line: string) => void): Promise<string> {
  const given = process.env["CHROMIUM_PATH"];
  if (given) {
    if (Bun.which(given)) return given;
    throw new ChromiumError(`Cannot use CHROMIUM_PATH "${given}": it is no program`);
  }
  const found = findChromium();
  if (found) return found;
  if (process.getuid?.() !== 0 || !Bun.which("apt-get")) {
    throw new ChromiumError(
      `Cannot find Chromium: set CHROMIUM_PATH, or type: ${Bun.which("apt-get") ? `sudo ${INSTALL.join(" ")}` : "brew install --cask chromium"}`,
    );
  }
  say("installing Chromium …");
  // The list of packages of a fresh machine is empty or old.
  await run([...APT, "update"]);
  await run(INSTALL);
  const installed = findChromium();
  if (installed) return installed;
  throw new ChromiumError(`Cannot find Chromium after "${INSTALL.join(" ")}": set CHROMIUM_PATH`);
}

function findChromium(): string | undefined {
  return NAMES.map((name) => Bun.which(name)).find((path) => path !== null) ?? undefined;
}

async function run(argv: string[]): Promise<void> {
  const child = Bun.spawn(argv, {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: INSTALL_LIMIT_MS,
  });
  const said = await child.stderr.text();
  if ((await child.exited) === 0) return;
  throw new ChromiumError(`Cannot run "${argv.join(" ")}": ${said.trim().slice(-500)}`);
}
