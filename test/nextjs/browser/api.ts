import { type Api, ClientError, type ClientErrorCode, createApi } from "@frm-ai/client";

/** The token is asked for again this long before its end. */
const MARGIN_MS = 30_000;

interface Held {
  accessToken: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

const made: { api?: Api } = {};
let held: Held | undefined;

/** The API as the visitor, through the rewrite of our own origin. */
export function browserApi(): Api {
  return (made.api ??= createApi(location.origin, {
    token: accessToken,
    fetch: leaveWhenSignedOut,
  }));
}

/** Who comes next in this tab may be somebody else. */
export function forgetToken(): void {
  held = undefined;
}

/** A session that was ended elsewhere leads to the sign-in page, not to a page that no longer works. */
export function leave(): void {
  location.assign("/sign-in");
}

/** The code of a refusal that was thrown; anything else is a fault of ours and goes on. */
export function codeOf(thrown: unknown): ClientErrorCode {
  if (thrown instanceof ClientError) return thrown.code;
  throw thrown;
}

async function accessToken(): Promise<string | undefined> {
  if (held && Date.now() < held.expiresAt - MARGIN_MS) return held.accessToken;
  const answer = await fetch("/session", { cache: "no-store" });
  if (answer.status === 401) return undefined;
  if (!answer.ok) throw new ClientError("unreachable", "Cannot renew the session", answer.status);
  held = (await answer.json()) as Held;
  return held.accessToken;
}

async function leaveWhenSignedOut(...given: Parameters<typeof fetch>): Promise<Response> {
  const answer = await fetch(...given);
  if (answer.status === 401) leave();
  return answer;
}
