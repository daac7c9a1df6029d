import type { RedisClient } from "./redis.ts";

/** Runs one script with its keys and arguments. */
export type RedisScript = (
  client: RedisClient,
  options: { keys: string[]; arguments: string[] },
) => Promise<unknown>;

/** A script that runs by its digest, and by its text where this Redis has not seen it yet. */
export function createScript(text: string): RedisScript {
  const digest = new Bun.CryptoHasher("sha1").update(text).digest("hex");
  return async (client, options) => {
    try {
      return await client.evalSha(digest, options);
    } catch (error) {
      if (!String(error).includes("NOSCRIPT")) throw error;
      return await client.eval(text, options);
    }
  };
}
