/** The least that a login can cost: one check of one argon2id hash, as many at once as the product allows. */
const hash = Bun.env["HASH"] ?? "";
const password = Bun.env["PASSWORD"] ?? "";

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  routes: {
    "/v1/auth/login": {
      POST: async (request) => {
        await request.json();
        return Response.json({ matches: await Bun.password.verify(password, hash) });
      },
    },
  },
});
console.log(`listening on http://localhost:${server.port}`);
