import { Socket } from "node:net";

/** What postgres.js says of where to connect to. */
export interface Target {
  path?: string | false;
  host: string[];
  port: number[];
}

/** Opens the sockets of one pool, and closes those whose other end has gone silent. */
export interface Sockets {
  open(target: Target): Socket;
  /** Looks at all sockets now. @returns closes those that have received nothing since. */
  watch(): () => void;
}

const KEEP_ALIVE_MS = 60_000;

/**
 * A host that vanishes sends nothing, and TCP goes on for a quarter of an hour before it gives up on what was sent.
 * What was received is all that is known alike of plain and of encrypted sockets.
 */
export function createSockets(): Sockets {
  const sockets = new Set<Socket>();
  let opened = 0;
  return {
    open: ({ path, host, port }) => {
      const socket = new Socket();
      const turn = opened++ % host.length;
      const place = { host: host[turn] ?? "localhost", port: port[turn] ?? 5432 };
      for (const old of sockets) if (old.destroyed) sockets.delete(old);
      sockets.add(socket);
      socket.once("connect", () => socket.setKeepAlive(true, KEEP_ALIVE_MS));
      // Whoever asks for a socket listens for its errors only when this has returned.
      setImmediate(() => (path ? socket.connect(path) : socket.connect(place)));
      // The host is what a certificate must be for.
      return path ? socket : Object.assign(socket, place);
    },
    watch: () => {
      const seen = Array.from(sockets, (socket) => ({ socket, received: socket.bytesRead }));
      return () => {
        for (const { socket, received } of seen)
          if (socket.bytesRead === received) socket.destroy();
      };
    },
  };
}
