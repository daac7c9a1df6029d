const POLL_MS = 5;
const SLOW_AFTER_MS = 1000;

/** Asks again and again until `isTrue` says yes; false when the time is over. */
export async function waitUntil(
  limitMs: number,
  isTrue: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (!(await isTrue())) {
    if (performance.now() >= deadline) return false;
    await Bun.sleep(POLL_MS);
  }
  return true;
}

/** Says the line once if the scope that holds the result is still busy after a second. */
export function announceWhenSlow(progress: (line: string) => void, line: string): Disposable {
  const timer = setTimeout(() => progress(line), SLOW_AFTER_MS);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
