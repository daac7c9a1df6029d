import { Elysia } from "elysia";

import {
  AppError,
  DependencyUnavailable,
  OriginNotAllowed,
  Overloaded,
  ValidationFailed,
} from "../../platform/errors.ts";
import { SIGNED_IN_REFUSALS } from "../../platform/http/access.ts";
import { callerOf, createClientAddress } from "../../platform/http/client_address.ts";
import { isOwnOrigin } from "../../platform/http/cookies.ts";
import type { Platform } from "../../platform/platform.ts";
import { problems } from "../../platform/problems.ts";
import { SUBPROTOCOL } from "../../platform/realtime/frames.ts";
import type { Gateway } from "../../platform/realtime/gateway.ts";
import { RateLimited } from "../../platform/realtime/rate.ts";
import { auth } from "../auth/mod.ts";
import { operations, SubprotocolRequired, Ticket, TicketBody } from "./schema.ts";
import { issueTicket } from "./service/tickets.ts";

const refused = problems(
  ...SIGNED_IN_REFUSALS,
  OriginNotAllowed,
  ValidationFailed,
  DependencyUnavailable,
);

/** POST /v1/realtime/ticket */
export function ticketRoutes(platform: Platform) {
  return new Elysia({ name: "realtime.ticket", detail: { tags: ["realtime"] } })
    .use(auth(platform))
    .post(
      "/v1/realtime/ticket",
      async ({ body, request, session, set }) => {
        const origin = pageOf(platform, request, body?.origin);
        set.status = 201;
        return await issueTicket(platform, session, origin);
      },
      {
        signedIn: true,
        body: TicketBody,
        response: { 201: Ticket, ...refused },
        detail: operations.issueTicket,
      },
    );
}

/**
 * The page that a ticket is for. A browser says it itself, and cannot do otherwise; a server that asks for its page's
 * sake may name it. @throws AppError origin_not_allowed for a page that could open no socket.
 */
function pageOf(
  platform: Platform,
  request: Request,
  named: string | undefined,
): string | undefined {
  const sent = request.headers.get("origin") ?? undefined;
  const origin = sent ?? named;
  if (origin === undefined) return undefined;
  if ((named ?? origin) !== origin || !isOwnOrigin(platform.config, request, origin))
    throw new AppError(OriginNotAllowed, "Cannot issue a ticket for this origin");
  return origin;
}

/** GET /v1/ws: the upgrade. Who the user is, the first frame tells, so that no token stands in a URL. */
export function socketRoutes(platform: Platform, gateway: Gateway) {
  const addressOf = createClientAddress(platform.config.trustedProxies);
  return new Elysia({ name: "realtime.socket", detail: { tags: ["realtime"] } })
    .use(auth(platform))
    .get(
      "/v1/ws",
      ({ request, server }) => {
        assertMayConnect(platform, request);
        gateway.admit(callerOf(addressOf(request, server)));
        const data = gateway.newSocket(request.headers.get("origin") ?? undefined);
        if (server?.upgrade(request, { data })) return undefined;
        throw new AppError(SubprotocolRequired, "Cannot upgrade: this is no WebSocket handshake");
      },
      {
        open: true,
        response: problems(SubprotocolRequired, OriginNotAllowed, RateLimited, Overloaded),
        detail: operations.openSocket,
      },
    );
}

/** Browsers let any page open a socket, so the page's origin is checked here and not by CORS. */
function assertMayConnect(platform: Platform, request: Request): void {
  const origin = request.headers.get("origin");
  if (origin !== null && !isOwnOrigin(platform.config, request, origin))
    throw new AppError(OriginNotAllowed, "Cannot open a socket for this origin");
  const offered = (request.headers.get("sec-websocket-protocol") ?? "").split(",");
  if (offered[0]?.trim() !== SUBPROTOCOL)
    throw new AppError(SubprotocolRequired, "Cannot open a socket: frm.v1 was not offered first");
}
