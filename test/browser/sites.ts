import { until } from "../support/poll.ts";

/*
 * Small web sites on ports of their own. A port makes another origin but not another site: pages on `localhost` are
 * siblings, whose requests carry each other's cookies, and `127.0.0.1` is a stranger to them.
 */

/** What a request carried when it arrived. */
export interface Arrived {
  method: string;
  path: string;
  origin: string | null;
  site: string | null;
  type: string | null;
  cookie: string;
  body: string;
}

/** A site with empty pages for scripts to run in, and which lets everybody do everything. */
export interface Site extends AsyncDisposable {
  /** Its origin under the name that shares its cookies with the product. */
  sibling: string;
  /** Its origin under a name that is another site. */
  stranger: string;
  /** What came to any path but those of its pages, sockets included. */
  arrived: Arrived[];
}

const PAGE = `<!doctype html><link rel="icon" href="data:,"><title>A page</title>`;
/** Sends no address along, which makes the browser write `Origin: null` into a form's request. */
const SHY_PAGE = `${PAGE}<meta name="referrer" content="no-referrer">`;
const PAGES: Record<string, string> = { "/": PAGE, "/shy": SHY_PAGE };

/** @param tls makes the site speak HTTPS, with this certificate. */
export function openSite(tls?: { cert: string; key: string }): Site {
  const arrived: Arrived[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    ...(tls ? { tls } : {}),
    websocket: {
      open: (socket) => void socket.send(`{"t":"let in"}`),
      message: () => undefined,
    },
    fetch: async (request, bun) => {
      const path = new URL(request.url).pathname;
      const page = request.method === "GET" ? PAGES[path] : undefined;
      if (page !== undefined)
        return new Response(page, { headers: { "content-type": "text/html" } });
      const { headers, method } = request;
      arrived.push({
        method,
        path,
        origin: headers.get("origin"),
        site: headers.get("sec-fetch-site"),
        type: headers.get("content-type"),
        cookie: headers.get("cookie") ?? "",
        body: await request.text(),
      });
      const protocol = headers.get("sec-websocket-protocol") ?? "";
      if (bun.upgrade(request, { headers: { "sec-websocket-protocol": protocol } }))
        return undefined;
      return answerOf(path, headers);
    },
  });
  const scheme = tls ? "https" : "http";
  return {
    sibling: `${scheme}://localhost:${server.port}`,
    stranger: `${scheme}://127.0.0.1:${server.port}`,
    arrived,
    [Symbol.asyncDispose]: async () => await server.stop(true),
  };
}

/** Lets any page do what it asks for; below /forget/ it tries to delete a cookie as one that is not secure. */
function answerOf(path: string, headers: Headers): Response {
  const [, forgotten] = /^\/forget\/(.+)$/.exec(path) ?? [];
  return new Response("done", {
    headers: {
      "access-control-allow-origin": headers.get("origin") ?? "*",
      "access-control-allow-credentials": "true",
      "access-control-allow-headers": headers.get("access-control-request-headers") ?? "",
      ...(forgotten ? { "set-cookie": `${forgotten}=; Path=/; Max-Age=0` } : {}),
    },
  });
}

/** Waits until a request to this path has arrived, and takes it out of the list. */
export async function arrivedAt({ arrived }: Site, path: string): Promise<Arrived> {
  const find = () => arrived.findIndex((one) => one.path === path && one.method !== "OPTIONS");
  await until(`a request to ${path}`, () => find() >= 0);
  const [found] = arrived.splice(find(), 1);
  if (!found) throw new Error(`Cannot find the request to "${path}"`);
  return found;
}
