const LIMIT_MS = 10_000;
const FIRST_STEP_MS = 5;
/** What takes long is asked for seldom, or the asking would take the machine from what is waited for. */
const LONGEST_STEP_MS = 100;
const GROWTH = 1.25;

/** Asks until the answer is true, for what gives no signal of its own. @throws when it never is. */
export async function until(
  what: string,
  ask: () => boolean | Promise<boolean>,
  limitMs = LIMIT_MS,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  let stepMs = FIRST_STEP_MS;
  while (!(await ask())) {
    if (performance.now() > deadline) throw new Error(`Cannot wait for ${what} any longer`);
    await Bun.sleep(stepMs);
    stepMs = Math.min(LONGEST_STEP_MS, stepMs * GROWTH);
  }
}
