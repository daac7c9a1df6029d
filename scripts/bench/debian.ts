const PYTHON = "/usr/bin/python3";
const PACKAGES =
  "python3-fastapi python3-uvicorn python3-uvloop python3-httptools python3-redis python3-hiredis python3-jwt python3-cryptography python3-asyncpg".split(
    " ",
  );
const MODULES = "fastapi, uvicorn, uvloop, httptools, redis, hiredis, jwt, cryptography, asyncpg";
const APT = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300"];
const INSTALL_TIMEOUT_MS = 300_000;

/**
 * The Python that has the requirements' stack, from Debian's own packages; as root it installs what is missing.
 * @throws with the command to type where it may not.
 */
export async function findPython(progress: (line: string) => void): Promise<string> {
  if (await hasModules()) return PYTHON;
  if (process.getuid?.() === 0 && Bun.which("apt-get") !== null) {
    progress(`installing ${PACKAGES.join(" ")}`);
    const install = [...APT, "install", "--no-install-recommends", ...PACKAGES];
    const installed = (await succeeds(install)) || (await succeeds([...APT, "update"]));
    if (installed && !(await hasModules())) await succeeds(install);
    if (await hasModules()) return PYTHON;
  }
  throw new Error(`it is missing; install it with: sudo apt-get install ${PACKAGES.join(" ")}`);
}

async function hasModules(): Promise<boolean> {
  return await succeeds([PYTHON, "-c", `import ${MODULES}`]);
}

async function succeeds(argv: string[]): Promise<boolean> {
  if (Bun.which(argv[0] ?? "") === null) return false;
  const child = Bun.spawn(argv, {
    env: { PATH: process.env["PATH"] ?? "", DEBIAN_FRONTEND: "noninteractive" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    timeout: INSTALL_TIMEOUT_MS,
  });
  return (await child.exited) === 0;
}
