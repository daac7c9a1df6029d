/** The framework alone: the same route and answer, without a token, a session or a database. */
import { Elysia } from "elysia";

const me = JSON.parse(Bun.env["BODY"] ?? "{}") as object;

const app = new Elysia()
  .get("/v1/me", () => me)
  .listen({ port: 0, hostname: "127.0.0.1", reusePort: false });
console.log(`listening on http://localhost:${app.server?.port ?? 0}`);
