import type { Connection } from "../../src/platform/realtime/connection.ts";

/** A connection that takes everything and says nothing, but for what a test replaces. */
export function quietConnection(changes: Partial<Connection> = {}): Connection {
  const nothing = () => undefined;
  return {
    id: "socket",
    userId: "lan",
    sessionId: "phone",
    send: nothing,
    sendEphemeral: nothing,
    join: nothing,
    leave: nothing,
    watch: nothing,
    unwatch: nothing,
    close: nothing,
    ...changes,
  };
}
