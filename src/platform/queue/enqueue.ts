import type { TSchema } from "@sinclair/typebox";

import type { Transaction } from "../database.ts";
import { jobOutbox } from "../tables.ts";
import { type JobKind, MAX_PAYLOAD_BYTES } from "./definition.ts";

/**
 * Asks for work in the caller's transaction: it is done if and only if that transaction commits. Whoever asked wakes the
 * relay after the commit; without that it looks within a second. @returns the job's id.
 * @throws Error for a payload that is not of the kind, which is a mistake of ours and not of a caller.
 */
export async function enqueue<S extends TSchema>(
  tx: Transaction,
  kind: JobKind<S>,
  payload: S["static"],
): Promise<string> {
  if (!kind.check(payload)) throw new Error(`Cannot enqueue "${kind.name}": not its payload`);
  const bytes = Buffer.byteLength(JSON.stringify(payload));
  if (bytes > MAX_PAYLOAD_BYTES)
    throw new Error(`Cannot enqueue "${kind.name}": the payload has ${bytes} bytes`);
  const id = Bun.randomUUIDv7();
  await tx.insert(jobOutbox).values({
    id,
    queue: kind.queue,
    kind: kind.name,
    version: kind.version,
    payload,
    maxAttempts: kind.maxAttempts,
  });
  return id;
}
