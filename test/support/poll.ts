const INTERVAL_MS = 25;

/** Looks again and again until `look` answers true. @throws Error when it has not within `timeoutMs`. */
export async function until(
  what: string,
  look: () => Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`Cannot wait longer for ${what}`);
    await Bun.sleep(INTERVAL_MS);
  }
}
