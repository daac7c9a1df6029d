import { Type } from "@sinclair/typebox/type";

import {
  AppError,
  DependencyUnavailable,
  type ErrorKind,
  Forbidden,
  TokenInvalid,
} from "../../src/platform/errors.ts";
import type { Connection } from "../../src/platform/realtime/connection.ts";
import { onFrame } from "../../src/platform/realtime/dispatch.ts";
import {
  createGateway,
  type Gateway,
  type GatewayOptions,
} from "../../src/platform/realtime/gateway.ts";
import type { Hub } from "../../src/platform/realtime/hub.ts";
import { scaleLimits } from "../../src/platform/realtime/limits.ts";
import type { SocketData } from "../../src/platform/realtime/socket_connection.ts";
import { silentLog } from "./database.ts";

/** A gateway behind a real server, without anything behind it: whoever says hello is in the channel `c:all`. */
export interface TestGateway extends Disposable {
  url: string;
  gateway: Gateway;
  /** The sockets that have said hello, in that order. */
  connections: Connection[];
  publish: (topic: string, text: string) => void;
}

/** Tokens that are not good. */
const REFUSED: Record<string, ErrorKind> = {
  bad: TokenInvalid,
  banned: Forbidden,
  broken: DependencyUnavailable,
};

const Say = Type.Object({
  t: Type.Literal("say"),
  i: Type.Optional(Type.Integer()),
  text: Type.Optional(Type.String()),
});

const Fill = Type.Object({
  t: Type.Literal("fill"),
  i: Type.Integer(),
  size: Type.Integer(),
});

export function openTestGateway(options: Partial<GatewayOptions> = {}): TestGateway {
  const connections: Connection[] = [];
  const gateway = createGateway({
    hub: () => hubOf(connections),
    handlers: {
      fill: onFrame(Fill, async ({ i, size }) => ({ t: "filled", i, text: "x".repeat(size) })),
      say: onFrame(Say, async ({ i, text }) => (text === undefined ? undefined : { t: "said", i })),
    },
    authenticate: async ({ token }) => {
      const refused = REFUSED[token];
      if (refused) throw new AppError(refused, "Cannot use the token");
      const never = Number.MAX_SAFE_INTEGER;
      return { userId: token, sessionId: token, validUntil: never, endsAt: never };
    },
    parts: [],
    limits: scaleLimits(1_000_000),
    nodeId: "node",
    now: () => new Date(),
    log: silentLog,
    ...options,
  });
  const server = Bun.serve<SocketData>({
    port: 0,
    fetch: (request, self) => {
      try {
        gateway.admit("caller");
      } catch (error) {
        const { kind, extras } = error as AppError;
        return new Response(kind.code, { status: kind.status, headers: extras.headers ?? {} });
      }
      return self.upgrade(request, { data: gateway.newSocket(undefined) })
        ? undefined
        : new Response("no handshake", { status: 400 });
    },
    websocket: gateway.handler,
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    gateway,
    connections,
    publish: (topic, text) => void server.publish(topic, text),
    [Symbol.dispose]: () => {
      gateway.close();
      void server.stop(true);
    },
  };
}

function hubOf(connections: Connection[]): Hub {
  const hub: Pick<Hub, "attach" | "detach" | "positionOf"> = {
    attach: async (connection, greet) => {
      connections.push(connection);
      connection.join("c:all");
      greet([], 0);
    },
    detach: (connection) => void connections.splice(connections.indexOf(connection), 1),
    positionOf: () => undefined,
  };
  return hub as Hub;
}
