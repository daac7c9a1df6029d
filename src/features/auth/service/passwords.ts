import { availableParallelism } from "node:os";

import { AppError, Overloaded } from "../../../platform/errors.ts";

/** OWASP's minimum for argon2id: 19 MiB, two passes; its parallelism of one is what Bun uses. */
const PARAMETERS = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
/** More hashes at once than this only make all of them slower and cost 19 MiB each. */
const MAX_RUNNING = availableParallelism() * 2;
const MAX_WAITING = 50;

let running = 0;
const waiting: (() => void)[] = [];

/** Runs a hash when its turn comes. @throws AppError overloaded when too many wait already. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= MAX_RUNNING) {
    if (waiting.length >= MAX_WAITING)
      throw new AppError(Overloaded, "Cannot hash a password: too many wait", {
        headers: { "retry-after": "2" },
      });
    const turn = Promise.withResolvers<void>();
    waiting.push(turn.resolve);
    await turn.promise;
  }
  running += 1;
  try {
    return await work();
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

export async function hashPassword(password: string): Promise<string> {
  return await inTurn(() => Bun.password.hash(password, PARAMETERS));
}

let dummy: Promise<string> | undefined;

/** Takes the same time whether or not there is a hash, so that time does not tell who has an account. */
export async function verifyPassword(
  password: string,
  hash: string | null | undefined,
): Promise<boolean> {
  dummy ??= Bun.password.hash(crypto.randomUUID(), PARAMETERS);
  const compared = hash ?? (await dummy);
  const matches = await inTurn(() => Bun.password.verify(password, compared));
  return matches && typeof hash === "string";
}
