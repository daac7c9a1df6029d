import { call as ask, type Person } from "./client.ts";
import type { Call } from "./contract.ts";

const ELSEWHERE = { origin: "https://elsewhere.example" };

interface Servers {
  url: string;
  /** Admits hardly anything. */
  strictUrl: string;
  person: Person;
}

/** Scenarios of the socket's ticket and handshake, and of who is present. */
export function realtimeScenarios({ url, strictUrl, person }: Servers) {
  const { id: userId, token } = person;
  const settings = { visibleTo: "contacts", lastSeenTo: "nobody", isInvisible: false };
  return {
    listPresence: {
      "200": () => ({ token, query: `?userIds=${userId}` }),
      "422 validation_failed": () => ({ token, query: "?userIds=nobody" }),
    },
    getPresenceSettings: { "200": () => ({ token }) },
    setPresenceSettings: {
      "200": () => ({ token, body: settings }),
      "429 rate_limited": async () => {
        await ask("PUT", `${strictUrl}/v1/me/presence`, { token, body: settings });
        return { token, body: settings, at: strictUrl };
      },
    },
    issueTicket: {
      "201": () => ({ token, body: { origin: url } }),
      "403 origin_not_allowed": () => ({ token, headers: ELSEWHERE }),
    },
    openSocket: {
      "101": () => ({}),
      "400 subprotocol_required": () => ({}),
      "403 origin_not_allowed": () => ({ headers: ELSEWHERE }),
      "429 rate_limited": () => connectTooOften(strictUrl),
    },
  };
}

/** One more handshake than the address has left. */
async function connectTooOften(at: string): Promise<Call> {
  const headers = { "sec-websocket-protocol": "frm.v1", "x-forwarded-for": "203.0.113.8" };
  await Promise.all(Array.from({ length: 10 }, () => ask("GET", `${at}/v1/ws`, { headers })));
  return { at, headers };
}
