import { connectionOptions } from "../../src/platform/database_pool.ts";

/** A way to a database that can be cut, which is how an outage of Postgres looks to whoever takes it. */
export interface PostgresDetour extends Disposable {
  url: URL;
  /** Ends every connection, and each new one at once. */
  cut(): void;
  mend(): void;
}

export function openPostgresDetour(target: URL): PostgresDetour {
  const { host } = connectionOptions(target);
  const port = Number(target.port || "5432");
  const clients = new Set<Bun.Socket<Promise<Bun.Socket> | undefined>>();
  let isCut = false;
  const listener = Bun.listen<Promise<Bun.Socket> | undefined>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (client) => {
        if (isCut) return void client.end();
        clients.add(client);
        const socket: Bun.SocketHandler<undefined> = {
          data: (_server, bytes) => void client.write(bytes),
          close: () => void client.end(),
        };
        client.data =
          host === undefined
            ? Bun.connect({ hostname: target.hostname, port, socket })
            : Bun.connect({ unix: host, socket });
      },
      data: async ({ data: server }, bytes) => {
        const copy = Buffer.from(bytes);
        (await server)?.write(copy);
      },
      close: async (client) => {
        clients.delete(client);
        (await client.data)?.end();
      },
    },
  });
  const url = new URL(target);
  url.searchParams.delete("host");
  url.hostname = "127.0.0.1";
  url.port = String(listener.port);
  return {
    url,
    cut: () => {
      isCut = true;
      for (const client of clients) client.end();
    },
    mend: () => {
      isCut = false;
    },
    [Symbol.dispose]: () => listener.stop(true),
  };
}
