import { AppError, TokenInvalid } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { Authority, Shown } from "../../../platform/realtime/authority.ts";
import { authenticate, type Caller, getSession } from "../../auth/mod.ts";

const TICKET_BYTES = 32;
const TICKET_LIFE_S = 30;
const PREFIX = "wst1_";

/** What is kept of a ticket. */
interface Kept {
  userId: string;
  sessionId: string;
  /** Of the only page that may use it; where it is missing, the handshake has checked the page all the same. */
  origin?: string;
  /** When the access token expires that it was given for: it stands for that token, and gives no more time. */
  validUntil: number;
}

/** A secret that stands for the caller's session once; only its digest is kept. @throws AppError when Redis is away. */
export async function issueTicket(
  platform: Platform,
  { userId, sessionId, validUntil }: Caller,
  origin: string | undefined,
): Promise<{ ticket: string; expiresIn: number }> {
  const secret = crypto.getRandomValues(new Uint8Array(TICKET_BYTES));
  const ticket = PREFIX + Buffer.from(secret).toString("base64url");
  const page = origin === undefined ? {} : { origin };
  const kept: Kept = { userId, sessionId, validUntil, ...page };
  const expiration = { type: "EX", value: TICKET_LIFE_S } as const;
  await platform.redis.run("issue a ticket", (client) =>
    client.set(keyOf(platform, ticket), JSON.stringify(kept), { expiration }),
  );
  return { ticket, expiresIn: TICKET_LIFE_S };
}

/**
 * The authority that a ticket gives, which is thereby used up, or an access token. @throws AppError token_invalid,
 * token_expired or session_revoked; dependency_unavailable for a ticket while Redis is away.
 */
export async function authenticateSocket(
  platform: Platform,
  { token, origin }: Shown,
): Promise<Authority> {
  if (!token.startsWith(PREFIX)) return authorityOf(await authenticate(platform, token));
  const text = await platform.redis.run("use a ticket", (client) =>
    client.getDel(keyOf(platform, token)),
  );
  if (text === null) throw new AppError(TokenInvalid, "Cannot use a ticket: unknown or used");
  const kept = JSON.parse(text) as Kept;
  if (kept.origin !== undefined && kept.origin !== origin)
    throw new AppError(TokenInvalid, "Cannot use a ticket: it was given to another origin");
  const session = await getSession(platform, kept);
  return authorityOf({ ...session, validUntil: kept.validUntil });
}

function authorityOf({ userId, sessionId, validUntil, endsAt }: Authority): Authority {
  return { userId, sessionId, validUntil, endsAt };
}

function keyOf(platform: Platform, ticket: string): string {
  return platform.keys.ticket(new Bun.CryptoHasher("sha256").update(ticket).digest("hex"));
}
