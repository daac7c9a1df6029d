import { type Api, createApi } from "@frm-ai/client";
import { cookies, headers } from "next/headers";

import { ACCESS_COOKIE } from "./session.ts";

/** What the API should know of the browser behind us. It believes the address only from a proxy that it trusts. */
const PASSED_ON = ["accept-language", "user-agent", "x-forwarded-for"];

/** Where the API answers this server. */
export function apiUrl(): string {
  return process.env["FRM_API_URL"] ?? "http://localhost:3000";
}

/** Where the browser opens its socket: past us, because a rewrite carries requests and answers only. */
export function socketUrl(): string {
  return process.env["FRM_SOCKET_URL"] ?? `${apiUrl().replace(/^http/, "ws")}/v1/ws`;
}

/** The API as the visitor of this request. */
export async function serverApi(): Promise<Api> {
  const [store, asked] = await Promise.all([cookies(), headers()]);
  return createApi(apiUrl(), {
    token: () => store.get(ACCESS_COOKIE)?.value,
    headers: passOn(asked),
  });
}

export function passOn(asked: Headers): Record<string, string> {
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => {
      const value = asked.get(name);
      return value === null ? [] : [[name, value]];
    }),
  );
}
