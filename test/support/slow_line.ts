import { connect, createServer, type Socket } from "node:net";

/** A way to a server on which the reader can fall asleep: what the server sends then fills its buffers. */
export interface SlowLine extends Disposable {
  url: string;
  /** From now on nothing is read from the server. */
  stall(): void;
  /** Reads again, first what has waited. */
  flow(): void;
}

export async function openSlowLine(url: string): Promise<SlowLine> {
  const { port } = new URL(url);
  const pairs = new Set<{ client: Socket; server: Socket }>();
  const listener = createServer((client) => {
    const server = connect(Number(port), "127.0.0.1");
    const pair = { client, server };
    pairs.add(pair);
    client.pipe(server);
    server.on("data", (bytes) => client.write(bytes));
    // What has come is passed on before the end is.
    server.on("close", () => client.end());
    client.on("close", () => {
      server.destroy();
      pairs.delete(pair);
    });
    for (const socket of [client, server]) socket.on("error", () => undefined);
  });
  const listening = Promise.withResolvers<void>();
  listener.listen(0, "127.0.0.1", () => listening.resolve());
  await listening.promise;
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("Cannot listen");
  return {
    url: `http://127.0.0.1:${address.port}`,
    stall: () => {
      for (const { server } of pairs) server.pause();
    },
    flow: () => {
      for (const { server } of pairs) server.resume();
    },
    [Symbol.dispose]: () => {
      listener.close();
      for (const { client } of pairs) client.destroy();
    },
  };
}
