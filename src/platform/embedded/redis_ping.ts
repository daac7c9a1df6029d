const ANSWER_LIMIT_MS = 1000;
const PING = "*1\r\n$4\r\nPING\r\n";

export type RedisState = "ready" | "loading" | "unreachable";

/** Asks the Redis behind a unix socket once whether it serves; while it reads its data it says LOADING. */
export async function pingRedis(socketPath: string): Promise<RedisState> {
  const answer = Promise.withResolvers<string>();
  const timer = setTimeout(() => answer.resolve(""), ANSWER_LIMIT_MS);
  try {
    const socket = await Bun.connect({
      unix: socketPath,
      socket: {
        data: (_socket, chunk) => answer.resolve(chunk.toString()),
        close: () => answer.resolve(""),
        error: () => answer.resolve(""),
      },
    });
    socket.write(PING);
    const line = await answer.promise;
    socket.end();
    if (line.startsWith("+PONG")) return "ready";
    return line.startsWith("-LOADING") ? "loading" : "unreachable";
  } catch {
    return "unreachable";
  } finally {
    clearTimeout(timer);
  }
}
