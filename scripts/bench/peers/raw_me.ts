/** The least that Bun can do for one request: hand out a constant. */
const body = Bun.env["BODY"] ?? "";
const headers = { "content-type": "application/json" };

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  routes: { "/v1/me": () => new Response(body, { headers }) },
});
console.log(`listening on http://localhost:${server.port}`);
