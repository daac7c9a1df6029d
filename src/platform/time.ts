/** A wait that took longer than its bound. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/**
 * Waits for `work`, but never longer than `timeoutMs`.
 * The work itself goes on: whoever started it must make sure that it ends.
 * @throws TimeoutError that names `what`.
 */
export async function withTimeout<T>(
  work: Promise<T>,
  options: { what: string; timeoutMs: number },
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      late.reject(
        new TimeoutError(`Cannot wait for ${options.what}: ${options.timeoutMs} ms are over`),
      ),
    options.timeoutMs,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Bounds many small waits of one length, without a timer for each. */
export interface Deadlines {
  /** As `withTimeout`, except that a wait may last up to a tenth longer. @throws TimeoutError that names `what`. */
  bound<T>(work: Promise<T>, what: string): Promise<T>;
}

interface Waiting {
  until: number;
  expire: () => void;
}

/**
 * Waits of one length end in the order in which they began, so one timer looks at the first of them now and then; it
 * runs only while somebody waits.
 */
export function createDeadlines(timeoutMs: number): Deadlines {
  const waits = new Set<Waiting>();
  let timer: Timer | undefined;

  function look(): void {
    const now = performance.now();
    for (const wait of waits) {
      if (wait.until > now) return;
      waits.delete(wait);
      wait.expire();
    }
    clearInterval(timer);
    timer = undefined;
  }
  return {
    bound: (work, what) =>
      new Promise((resolve, reject) => {
        const wait: Waiting = {
          until: performance.now() + timeoutMs,
          expire: () =>
            reject(new TimeoutError(`Cannot wait for ${what}: ${timeoutMs} ms are over`)),
        };
        waits.add(wait);
        timer ??= setInterval(look, timeoutMs / 10);
        work.then(
          (value) => {
            waits.delete(wait);
            resolve(value);
          },
          (error: unknown) => {
            waits.delete(wait);
            reject(error);
          },
        );
      }),
  };
}

/** Resolves after `ms`, or at once when the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = () => resolve();
  const timer = setTimeout(wake, ms);
  signal.addEventListener("abort", wake, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", wake);
  }
}

/** A wait that somebody may cut short; a call that comes while nobody waits is remembered for the next wait. */
export interface WakeUp {
  wake(): void;
  /** Resolves when woken, after `ms`, or when the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createWakeUp(): WakeUp {
  let early = false;
  let ring: (() => void) | undefined;
  return {
    wake: () => {
      early = ring === undefined;
      ring?.();
    },
    wait: async (ms, signal) => {
      const isWoken = early;
      early = false;
      if (isWoken || signal.aborted) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const end = () => resolve();
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end, { once: true });
      ring = end;
      await promise;
      ring = undefined;
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
    },
  };
}
