import { AppError, SessionRevoked } from "../errors.ts";
import { judge } from "../problems.ts";
import { CloseCode, type Connection } from "./connection.ts";
import { type FrameHandler, onFrame } from "./dispatch.ts";
import { type Renewal, Renewal as RenewalSchema } from "./frames.ts";
import type { SocketPart } from "./part.ts";
import type { Expiring, RenewalOk } from "./protocol.ts";

/** For whom a socket may speak, and how long. Times are in milliseconds since the epoch. */
export interface Authority {
  userId: string;
  sessionId: string;
  /** When the token that was shown expires. */
  validUntil: number;
  /** When the session itself ends, whatever is shown. */
  endsAt: number;
}

/** What a client shows, and the page that it shows it from; undefined for a client that is no browser. */
export interface Shown {
  token: string;
  origin: string | undefined;
}

/** @throws AppError when the token is not good, or its session has ended. */
export type Authenticate = (shown: Shown) => Promise<Authority>;

/** Watches over how long each socket may speak for its session. */
export interface Authorities {
  /** From now on the socket is warned before its token expires, and closed after that. */
  begin(connection: Connection, granted: Authority & Pick<Shown, "origin">): void;
  end(connection: Connection): void;
  /** Takes a newer token of the same session: `tok`. */
  renew: FrameHandler;
  /** Warns and closes those whose time has come. */
  sweep(): void;
  count(): number;
}

export interface AuthoritiesOptions {
  authenticate: Authenticate;
  parts: SocketPart[];
  now: () => Date;
}

/** A client is told this long before its token expires. */
export const EXPIRY_WARNING_MS = 60_000;
/** For this long after the expiry a newer token may still come, because its request may be on the way. */
export const EXPIRY_GRACE_MS = 30_000;
/** A ticket may be lost or late; more refusals in a row than this are no accident. */
export const MAX_REFUSED_TOKENS = 3;

interface Watched extends Pick<Authority, "validUntil" | "endsAt">, Pick<Shown, "origin"> {
  isWarned: boolean;
  /** Tokens that were refused since the last good one. */
  refused: number;
}

export function createAuthorities({ authenticate, parts, now }: AuthoritiesOptions): Authorities {
  const watched = new Map<Connection, Watched>();

  function check(connection: Connection, authority: Watched): void {
    const time = now().getTime();
    // Written so that a time that is no number closes.
    if (!(time < authority.endsAt))
      return connection.close(CloseCode.sessionEnded, "session_revoked");
    if (!(time < authority.validUntil + EXPIRY_GRACE_MS))
      return connection.close(CloseCode.tokenExpired, "token_expired");
    if (authority.isWarned || time < authority.validUntil - EXPIRY_WARNING_MS) return;
    authority.isWarned = true;
    const frame: Expiring = { t: "tok.exp", in: lifeOf(authority, time) };
    connection.send(JSON.stringify(frame));
  }

  async function renew(frame: Renewal, connection: Connection): Promise<RenewalOk | undefined> {
    const authority = watched.get(connection);
    if (!authority) return undefined;
    const shown = await authenticate({ token: frame.tok, origin: authority.origin }).catch(
      (error: unknown) => refuse({ error, connection, authority }),
    );
    // Who signs in as somebody else, or anew, opens a socket of their own: this one was checked for another session.
    if (shown.userId !== connection.userId || shown.sessionId !== connection.sessionId) {
      connection.close(CloseCode.sessionEnded, "session_mismatch");
      return undefined;
    }
    // Before the time is given: where it cannot be asked, the old token's end still holds.
    for (const part of parts) await part.renew?.(connection);
    const validUntil = Math.max(authority.validUntil, shown.validUntil);
    // A token that is no newer brings no second warning either: the answer tells how little time is left.
    const isWarned = authority.isWarned && validUntil === authority.validUntil;
    Object.assign(authority, { validUntil, endsAt: shown.endsAt, isWarned, refused: 0 });
    const number = frame.i === undefined ? {} : { i: frame.i };
    return { t: "tok.ok", ...number, in: lifeOf(authority, now().getTime()) };
  }

  return {
    begin: (connection, { validUntil, endsAt, origin }) => {
      const authority = { validUntil, endsAt, origin, isWarned: false, refused: 0 };
      watched.set(connection, authority);
      check(connection, authority);
    },
    end: (connection) => void watched.delete(connection),
    renew: onFrame(RenewalSchema, renew),
    sweep: () => {
      for (const [connection, authority] of watched) check(connection, authority);
    },
    count: () => watched.size,
  };
}

function lifeOf({ validUntil }: Watched, time: number): number {
  return Math.max(0, validUntil - time);
}

/** A bad token is answered with `err`, and ends the socket when its session is known to have ended, or after several. */
function refuse({
  error,
  connection,
  authority,
}: {
  error: unknown;
  connection: Connection;
  authority: Watched;
}): never {
  const { kind } = judge(error);
  if (kind.status === 401) authority.refused += 1;
  const hasEnded = error instanceof AppError && error.kind === SessionRevoked;
  if (hasEnded || authority.refused > MAX_REFUSED_TOKENS)
    connection.close(CloseCode.sessionEnded, kind.code);
  throw error;
}
