import type { ProblemCode, ProblemFields } from "./contract.ts";

/** RFC 9457, as every refused call answers. */
export type Problem<Code extends string = ProblemCode> = ProblemFields & { code: Code };

/** Codes of this client itself, for what the server never got to say. */
type OwnCode = "aborted" | "closed" | "outbox_full" | "timeout" | "too_long";

export type ClientErrorCode = ProblemCode | OwnCode;

/** The status of a thrown refusal, whatever made the request. */
export function statusOf(error: unknown): unknown {
  return (error as { status?: unknown } | null | undefined)?.status;
}

/** A refusal; `code` is what a program decides by, and `status` is 0 where the server was not involved. */
export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: ClientErrorCode;
  readonly status: number;

  constructor(code: ClientErrorCode, message: string, status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}
