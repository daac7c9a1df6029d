/** Where the gate keeps what lives no longer than it does: the servers' data, and the product as tests start it. */
import { mkdtemp, readdir, rm, stat, statfs } from "node:fs/promises";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";

/** Linux keeps files here in memory. Each test file has a database of some 300 files, which disks are slow at making. */
const MEMORY_DISK = "/dev/shm";
/** A whole run was seen to need a quarter of a GiB; what tests fill on purpose comes on top. */
const DISK_MIN_BYTES = 2 * 1024 ** 3;
/** What is kept there is taken from the processes, so there has to be enough for both. */
const MEMORY_MIN_BYTES = 4 * 1024 ** 3;
const PREFIX = "frm-gate-";
/** No run takes this long; what is older was left by one that was killed. */
const LEFT_AFTER_MS = 3 * 3_600_000;

/** Makes an empty folder, in memory where there is plenty of it; whoever asks removes it. */
export async function makeScratch(): Promise<string> {
  if (!(await isRoomy(MEMORY_DISK))) return await mkdtemp(join(tmpdir(), PREFIX));
  // A disk is emptied by its owner; memory that a killed run has left would be gone until the machine restarts.
  await removeLeftovers(MEMORY_DISK);
  return await mkdtemp(join(MEMORY_DISK, PREFIX));
}

async function isRoomy(folder: string): Promise<boolean> {
  if (freemem() < MEMORY_MIN_BYTES) return false;
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: 0, bsize: 0 }));
  return bavail * bsize >= DISK_MIN_BYTES;
}

/** Removes folders that were made long ago. @returns their names. */
export async function removeLeftovers(parent: string): Promise<string[]> {
  const removed: string[] = [];
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(parent, name);
    // Another run may be removing its own; what belongs to somebody else stays.
    const made = await stat(folder).catch(() => undefined);
    if (made === undefined || Date.now() - made.mtimeMs < LEFT_AFTER_MS) continue;
    await rm(folder, { recursive: true, force: true }).then(
      () => removed.push(name),
      () => undefined,
    );
  }
  return removed;
}
