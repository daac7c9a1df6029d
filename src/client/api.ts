import { type Treaty, treaty } from "@elysiajs/eden/treaty2";

import { resolveAddress } from "./address.ts";
import type { Routes } from "./contract.ts";
import { ClientError, type Problem } from "./problem.ts";

/** The HTTP API as Eden presents it: `api.v1.conversations({ id }).messages.get({ query: { limit: 20 } })`. */
export type Api = Treaty.Sign<Routes>;

export interface ApiOptions {
  /** The access token of the moment; asked before each call. */
  token?: () => string | undefined | Promise<string | undefined>;
  fetch?: typeof fetch;
  headers?: Record<string, string>;
}

/**
 * A call answers `data`, or `error` whose `value` is a problem; it does not throw.
 * @param origin where the API is; in a browser it may be "/", the origin of the page.
 */
export function createApi(origin: string, options: ApiOptions = {}): Api {
  const { token, headers = {} } = options;
  const send = options.fetch ?? fetch;
  const config: Treaty.Config = {
    keepDomain: true,
    // The types say text where the server sends a time, and so it stays.
    parseDate: false,
    headers,
    fetcher: asFetch(
      async (input, init) =>
        await reach(async () => {
          const own = new Headers(init?.headers);
          const given = await token?.();
          if (given !== undefined && !own.has("authorization"))
            own.set("authorization", `Bearer ${given}`);
          return await send(input, { ...init, headers: own });
        }),
    ),
  };
  return treaty(resolveAddress(origin).href.replace(/\/$/, ""), config) as unknown as Api;
}

/** Gets a fresh ticket for each connection of a socket. @throws ClientError with the code of the refusal. */
export function createTicketSource(api: Api): () => Promise<string> {
  return async () => {
    const { data, error } = await api.v1.realtime.ticket.post();
    if (data) return data.ticket;
    throw new ClientError(
      error.value.code,
      `Cannot get a ticket: ${error.value.code}`,
      error.status,
    );
  };
}

type Reach = (...given: Parameters<typeof fetch>) => Promise<Response>;

/** Some runtimes hang more on `fetch` than the call, which Eden does not use. */
function asFetch(reach: Reach): typeof fetch {
  return reach as typeof fetch;
}

/** A failed connection, a token that could not be had, and an answer that some proxy made up, become problems like all others. */
async function reach(send: () => Promise<Response>): Promise<Response> {
  try {
    const response = await send();
    const json = /json/.test(response.headers.get("content-type") ?? "");
    return response.status < 400 || json ? response : unreachable(response.status);
  } catch {
    return unreachable(503);
  }
}

function unreachable(status: number): Response {
  const problem: Problem<"unreachable"> = {
    type: "urn:frm-ai:error:unreachable",
    title: "The server cannot be reached",
    status,
    code: "unreachable",
    detail: "The server cannot be reached",
    instance: "",
    requestId: "",
  };
  return new Response(JSON.stringify(problem), {
    status,
    headers: { "content-type": "application/problem+json" },
  });
}
