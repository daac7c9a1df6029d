import { Elysia } from "elysia";

import { credentialRoutes } from "./features/account/routes/credentials.ts";
import { deletionRoutes } from "./features/account/routes/deletion.ts";
import { exportRoutes } from "./features/account/routes/exports.ts";
import { adminRoutes } from "./features/admin/routes.ts";
import { auditRoutes } from "./features/audit/routes.ts";
import { isSessionAlive, listAliveSessions } from "./features/auth/mod.ts";
import { reauthenticationRoutes } from "./features/auth/routes/reauthentication.ts";
import { sessionRoutes } from "./features/auth/routes/sessions.ts";
import { authRoutes } from "./features/auth/routes/sign_in.ts";
import { blockRoutes } from "./features/blocks/routes.ts";
import { banRoutes } from "./features/chat/routes/bans.ts";
import { conversationRoutes } from "./features/chat/routes/conversations.ts";
import { memberRoutes } from "./features/chat/routes/members.ts";
import { messageRoutes } from "./features/chat/routes/messages.ts";
import { pinRoutes } from "./features/chat/routes/pins.ts";
import { reactionRoutes } from "./features/chat/routes/reactions.ts";
import { searchRoutes } from "./features/chat/routes/search.ts";
import { stateRoutes } from "./features/chat/routes/states.ts";
import { threadRoutes } from "./features/chat/routes/threads.ts";
import { docsRoutes } from "./features/docs/routes.ts";
import { healthRoutes } from "./features/health/routes.ts";
import { mailboxRoutes } from "./features/mailbox/routes.ts";
import { mfaRoutes } from "./features/mfa/routes.ts";
import { reportRoutes, reviewRoutes } from "./features/moderation/routes.ts";
import { presenceRoutes } from "./features/presence/routes.ts";
import { authenticateSocket } from "./features/realtime/mod.ts";
import { socketRoutes, ticketRoutes } from "./features/realtime/routes.ts";
import { assertAccessDeclared } from "./platform/http/access.ts";
import { edge } from "./platform/http/edge.ts";
import type { Platform } from "./platform/platform.ts";
import type { ReadinessCheck } from "./platform/readiness.ts";
import type { Gateway } from "./platform/realtime/gateway.ts";

export { DEMO_PASSWORD, DEMO_USERS, seedDemo } from "./features/demo/mod.ts";
export { resealSecrets } from "./features/mfa/mod.ts";
export { authenticateSocket, isSessionAlive, listAliveSessions };
/** The socket's side of what the client is typed by. */
export type { CloseCode } from "./platform/realtime/connection.ts";
export type { Heartbeat, Hello, Renewal, Sync } from "./platform/realtime/frames.ts";
export type {
  Away,
  ErrorFrame,
  Expiring,
  HeartbeatOk,
  HelloOk,
  RenewalOk,
} from "./platform/realtime/protocol.ts";
export type { TopicsEnded, TopicsFollowed } from "./platform/realtime/topic_frames.ts";

export interface AppOptions {
  readiness: ReadinessCheck;
  gateway: Gateway;
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** The HTTP side of the product. Importing it opens nothing; the caller listens. */
export function createApp(platform: Platform, { readiness, gateway }: AppOptions) {
  const { config, log } = platform;
  const served: { router?: Router; server?: () => AddressBook | null } = {};
  const methodsOf = (path: string) => (served.router ? findMethods(served.router, path) : []);
  const addressOf = (request: Request) => served.server?.()?.requestIP(request)?.address;
  const api = config.roles.has("api");
  // Our schemas refuse unknown fields; Elysia's normalisation would silently drop them instead.
  const app = new Elysia({ name: "frm-ai", normalize: false }).use([
    edge({ config, log, methodsOf, addressOf }),
    healthRoutes(readiness),
    when(api, () => authRoutes(platform)),
    when(api, () => sessionRoutes(platform)),
    when(api, () => reauthenticationRoutes(platform)),
    when(api, () => mfaRoutes(platform)),
    when(api, () => auditRoutes(platform)),
    when(api, () => adminRoutes(platform)),
    when(api, () => credentialRoutes(platform)),
    when(api, () => deletionRoutes(platform)),
    when(api, () => exportRoutes(platform)),
    when(api, () => conversationRoutes(platform)),
    when(api, () => memberRoutes(platform)),
    when(api, () => stateRoutes(platform)),
    when(api, () => messageRoutes(platform)),
    when(api, () => reactionRoutes(platform)),
    when(api, () => pinRoutes(platform)),
    when(api, () => banRoutes(platform)),
    when(api, () => threadRoutes(platform)),
    when(api, () => searchRoutes(platform)),
    when(api, () => blockRoutes(platform)),
    when(api, () => reportRoutes(platform)),
    when(api, () => reviewRoutes(platform)),
    when(api, () => ticketRoutes(platform)),
    when(api, () => presenceRoutes(platform)),
    when(config.roles.has("socket"), () => socketRoutes(platform, gateway)),
  ]);
  // Beside the chain, so that the type that clients see has nothing of it.
  if (api && !config.production) app.use(mailboxRoutes(platform));
  if (api) app.use(docsRoutes(() => app.routes));
  served.router = app;
  served.server = () => app.server;
  assertAccessDeclared(app.routes);
  return app;
}

/** The type always has all routes, whichever of them this process serves, because clients see all instances as one. */
function when<T>(served: boolean, make: () => T): T {
  return served ? make() : (new Elysia() as T);
}

export type App = ReturnType<typeof createApp>;

/** The part of the server that knows where a request comes from. */
interface AddressBook {
  requestIP: (request: Request) => { address: string } | null;
}

interface Router {
  router: {
    /** Paths with parameters; those without are only in `static`. */
    http: { find: (method: string, path: string) => unknown };
    static: Record<string, Record<string, unknown>>;
  };
}

/** The methods under which a path exists; HEAD comes with GET. */
function findMethods(app: Router, path: string): string[] {
  const { http, static: fixed } = app.router;
  const loose = path.replace(/(?<=.)\/$/, "");
  const known = Object.hasOwn(fixed, loose) ? (fixed[loose] ?? {}) : {};
  const methods = METHODS.filter(
    (method) => Object.hasOwn(known, method) || http.find(method, path) !== null,
  );
  return methods.includes("GET") ? [...methods, "HEAD"] : methods;
}
