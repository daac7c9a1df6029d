import { isConnectionError } from "./database_errors.ts";
import {
  beginningOf,
  type Client,
  closing,
  guard,
  type Hold,
  type Sent,
  type Term,
  untilClosed,
} from "./database_holds.ts";
import type { Share, Shares } from "./database_shares.ts";
import type { Sockets } from "./database_sockets.ts";

/** A transaction that is one statement and only reads. */
export interface Read<T> {
  begin: string;
  work: (client: Client) => Promise<T>;
}

export interface Reads {
  /** @throws as `Pool.transact`. */
  run<T>(read: Read<T>, term: Term): Promise<T>;
}

export interface ReadsOptions {
  shares: Shares;
  sockets: Sockets;
  prepare: boolean;
  silenceMs: number;
}

/**
 * All that a read sends goes out in one piece, BEGIN and COMMIT with its statement, so the next one's piece may follow on
 * the same connection before the first is answered: both sides then have less to wake up for.
 */
export function createReads(options: ReadsOptions): Reads {
  const { shares, sockets, prepare, silenceMs } = options;

  /** The read is over when its COMMIT was answered, however late, or the connection has closed. */
  async function finish({ share, hold }: Place, { commit }: Piece): Promise<void> {
    const closeSilent = sockets.watch();
    const silence = setTimeout(closeSilent, silenceMs);
    await untilClosed(hold, commit).catch(() => undefined);
    clearTimeout(silence);
    if (share.isLost) await closing(hold);
    shares.leave(share);
  }
  return {
    run: async ({ begin, work }, term) => {
      const { share, hold } = await shares.join(term);
      const { client, piece } = createPiece(hold, { begin, term, prepare });
      try {
        const result = await untilClosed(hold, Promise.race([work(client), term.expired]));
        const sent = piece();
        if (sent) await endOf(sent);
        shares.leave(share);
        return result;
      } catch (error) {
        const sent = piece();
        share.isLost ||= isConnectionError(error);
        if (sent) void finish({ share, hold }, sent);
        else shares.leave(share);
        throw error === term.expiry ? error : ((await sent?.begun) ?? error);
      }
    },
  };
}

interface Place {
  share: Share;
  hold: Hold;
}

/** What a read has sent. */
interface Piece {
  begun: Promise<Error | undefined>;
  commit: Sent;
}

/** Sends BEGIN, the statement and COMMIT at once, when the work asks for its statement. */
function createPiece(
  hold: Hold,
  { begin, term, prepare }: { begin: string; term: Term; prepare: boolean },
): { client: Client; piece: () => Piece | undefined } {
  const inner = guard({ hold, term, prepare });
  let piece: Piece | undefined;
  const unsafe = (...[query, parameters]: Parameters<Client["unsafe"]>): Sent => {
    if (piece) throw new Error("Cannot query: the transaction was to have a single statement");
    const begun = beginningOf(inner.unsafe(`${hold.mark}${begin}`).simple().execute());
    const statement = inner.unsafe(query, parameters).execute();
    const commit = inner.unsafe("commit").simple().execute();
    // Where the connection is lost the statement says so, and nobody asks for the end.
    commit.catch(() => undefined);
    piece = { begun, commit };
    return statement;
  };
  return { client: { options: inner.options, unsafe } as Client, piece: () => piece };
}

async function endOf({ begun, commit }: Piece): Promise<void> {
  const failure = await begun;
  if (failure !== undefined) throw failure;
  const ended = await commit;
  if (ended.command !== "COMMIT")
    throw new Error("Cannot commit: a statement of the transaction had failed");
}
