import type { CloseCodes } from "./contract.ts";

/** Why a socket will not come back by itself. */
export interface Ended {
  /**
   * `signed_out`: somebody has to sign in. `replaced`: the user has opened too many sockets since. `at_fault`: the
   * server refuses what this client sends, so that a newer client is needed.
   */
  verdict: "signed_out" | "replaced" | "at_fault";
  /** The close code; 0 when no connection was made because no ticket could be had. */
  code: number;
  reason: string;
}

export type Verdict = Ended["verdict"] | { afterMs: number };

/** The server lets nobody in sooner after it has closed for too many requests. */
const CALM_MS = 30_000;
const FRAME_TOO_BIG = 1009;
const COME_BACK: Verdict = { afterMs: 0 };

/** Codes that servers of other versions may have. */
type Foreseen = 4002 | 4003 | 4403 | 4413 | 4426;

/** What each close code of the server means to us; one that is new there does not compile here until it is decided. */
const OWN: Record<CloseCodes[keyof CloseCodes] | Foreseen, Verdict> = {
  4000: COME_BACK,
  4001: COME_BACK,
  4002: COME_BACK,
  4003: COME_BACK,
  4004: COME_BACK,
  4005: COME_BACK,
  4029: { afterMs: CALM_MS },
  4400: "at_fault",
  4401: "signed_out",
  4403: "signed_out",
  4408: "at_fault",
  4409: "replaced",
  4413: "at_fault",
  4426: "at_fault",
};

/** Whether to come back after a close, and how soon at the earliest. Unknown codes from 4400 to 4499 are final. */
export function verdictOf(code: number): Verdict {
  const own = (OWN as Partial<Record<number, Verdict>>)[code];
  if (own !== undefined) return own;
  if (code === FRAME_TOO_BIG) return "at_fault";
  return code >= 4400 && code < 4500 ? "at_fault" : COME_BACK;
}
