/** One answer is not to hold the connection up for long. */
const MAX_KEYS = 128;

interface Reading {
  promise: Promise<string | null>;
  resolve: (text: string | null) => void;
  reject: (error: unknown) => void;
}

/**
 * Gathers the keys that are asked for while one turn of the event loop handles its requests, and reads them at once. A
 * command costs this process far more than one more key in it, and under load every request reads one.
 */
export function createReads(
  readAll: (keys: string[]) => Promise<(string | null)[]>,
): (key: string) => Promise<string | null> {
  let waiting = new Map<string, Reading>();

  async function flush(): Promise<void> {
    const batch = waiting;
    waiting = new Map();
    try {
      const texts = await readAll([...batch.keys()]);
      let at = 0;
      for (const { resolve } of batch.values()) resolve(texts[at++] ?? null);
    } catch (error) {
      for (const { reject } of batch.values()) reject(error);
    }
  }
  return (key) => {
    const known = waiting.get(key);
    if (known) return known.promise;
    if (waiting.size === 0) setImmediate(flushWaiting);
    const reading = Promise.withResolvers<string | null>();
    waiting.set(key, reading);
    if (waiting.size >= MAX_KEYS) void flush();
    return reading.promise;
  };

  function flushWaiting(): void {
    if (waiting.size > 0) void flush();
  }
}
