export type ServiceName = "postgres" | "redis" | "services";

/** A start of the embedded services that cannot go on; its message is one line for whoever typed the command. */
export class EmbeddedError extends Error {
  override readonly name = "EmbeddedError";

  constructor(service: ServiceName, dir: string, state: string) {
    super(`Cannot start embedded ${service} "${dir}": ${state}`);
  }
}

/** The text of whatever was thrown, on one line. */
export function describeFailure(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s*\n\s*/g, " ").trim();
}
