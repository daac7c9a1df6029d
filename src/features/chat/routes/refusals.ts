import {
  DependencyUnavailable,
  SessionRevoked,
  TokenExpired,
  TokenInvalid,
  Unauthenticated,
  ValidationFailed,
} from "../../../platform/errors.ts";

/** What every route of the chat may answer. */
export const REFUSALS = [
  Unauthenticated,
  TokenExpired,
  TokenInvalid,
  SessionRevoked,
  ValidationFailed,
  DependencyUnavailable,
] as const;
