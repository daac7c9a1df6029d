import { afterAll, expect, test } from "bun:test";

import { ClientError, createApi, createTicketSource } from "../../src/client/mod.ts";

const seen: { search: string; headers: Headers }[] = [];
const AT = "2026-11-23T10:00:00.000Z";

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  routes: {
    "/v1/conversations": ({ url, headers }) => {
      seen.push({ search: new URL(url).search, headers: new Headers(headers) });
      return Response.json({ items: [{ id: "1", createdAt: AT }], page: { nextCursor: null } });
    },
    "/v1/me": () => new Response("<h1>Bad gateway</h1>", { status: 502 }),
    "/v1/realtime/ticket": () =>
      new Response(JSON.stringify({ status: 401, code: "token_expired", title: "" }), {
        status: 401,
        headers: { "content-type": "application/problem+json" },
      }),
  },
});
const origin = `http://127.0.0.1:${server.port}`;
afterAll(async () => await server.stop(true));

test("each call carries the token of that moment and the given headers, and times stay text", async () => {
  let token: string | undefined = "one";
  const api = createApi(`${origin}/`, {
    token: async () => token,
    headers: { "accept-language": "vi" },
  });
  const { data } = await api.v1.conversations.get({ query: { limit: 5 } });
  expect(data?.items[0]?.createdAt).toBe(AT);
  token = undefined;
  await api.v1.conversations.get();
  const [first, second] = seen;
  expect(first?.search).toBe("?limit=5");
  expect(first?.headers.get("authorization")).toBe("Bearer one");
  expect(first?.headers.get("accept-language")).toBe("vi");
  expect(second?.headers.has("authorization")).toBe(false);
});

test("an answer that is not ours, and none at all, are problems with a code of their own", async () => {
  const made = await createApi(origin).v1.me.get();
  expect(made.data).toBeNull();
  expect(made.error).toMatchObject({ status: 502, value: { code: "unreachable", status: 502 } });
  const none = await createApi("http://127.0.0.1:1").v1.me.get();
  expect(none.error).toMatchObject({ status: 503, value: { code: "unreachable", status: 503 } });
  const token = () => Promise.reject(new Error("Cannot renew the session"));
  const denied = await createApi(origin, { token }).v1.conversations.get();
  expect(denied.error).toMatchObject({ status: 503, value: { code: "unreachable" } });
});

test("a ticket that is refused is an error with the code of the refusal", async () => {
  const ticket = createTicketSource(createApi(origin));
  const error = await ticket().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ClientError);
  expect(error).toMatchObject({ code: "token_expired", status: 401 });
});

test("another fetch may be given", async () => {
  const urls: string[] = [];
  const own = (async (input: string) => {
    urls.push(input);
    return Response.json({ items: [] });
  }) as unknown as typeof fetch;
  await createApi("https://api.example.com", { fetch: own }).v1.conversations.get();
  expect(urls).toEqual(["https://api.example.com/v1/conversations"]);
});
