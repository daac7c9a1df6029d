import { AppError, TokenInvalid } from "../../platform/errors.ts";
import type { Platform } from "../../platform/platform.ts";
import { authenticate, getSession } from "../auth/mod.ts";

const TICKET_BYTES = 32;
const TICKET_LIFE_S = 30;
const PREFIX = "wst1_";

interface Ids {
  userId: string;
  sessionId: string;
}

/** A secret that opens one socket once; only its digest is kept. @throws AppError when Redis is away. */
export async function issueTicket(
  platform: Platform,
  { userId, sessionId }: Ids,
): Promise<{ ticket: string; expiresIn: number }> {
  const secret = crypto.getRandomValues(new Uint8Array(TICKET_BYTES));
  const ticket = PREFIX + Buffer.from(secret).toString("base64url");
  const expiration = { type: "EX", value: TICKET_LIFE_S } as const;
  await platform.redis.run("issue a ticket", (client) =>
    client.set(keyOf(platform, ticket), JSON.stringify({ userId, sessionId }), { expiration }),
  );
  return { ticket, expiresIn: TICKET_LIFE_S };
}

/** The living session behind a ticket, which is thereby used up, or behind an access token. */
export async function authenticateSocket(platform: Platform, token: string): Promise<Ids> {
  if (!token.startsWith(PREFIX)) return await authenticate(platform, token);
  const kept = await platform.redis.run("use a ticket", (client) =>
    client.getDel(keyOf(platform, token)),
  );
  if (kept === null) throw new AppError(TokenInvalid, "Cannot use a ticket: unknown or used");
  return await getSession(platform, JSON.parse(kept) as Ids);
}

function keyOf(platform: Platform, ticket: string): string {
  return platform.keys.ticket(new Bun.CryptoHasher("sha256").update(ticket).digest("hex"));
}
