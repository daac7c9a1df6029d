const LIMIT_MS = 10_000;
const STEP_MS = 5;

/** Asks until the answer is true, for what gives no signal of its own. @throws when it never is. */
export async function until(
  what: string,
  ask: () => boolean | Promise<boolean>,
  limitMs = LIMIT_MS,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await ask())) {
    if (performance.now() > deadline) throw new Error(`Cannot wait for ${what} any longer`);
    await Bun.sleep(STEP_MS);
  }
}
