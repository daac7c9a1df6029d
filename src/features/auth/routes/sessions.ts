import { Elysia } from "elysia";

import { InvalidCursor, NotFound, ValidationFailed } from "../../../platform/errors.ts";
import { SIGNED_IN_REFUSALS } from "../../../platform/http/access.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { PAGE_LIMIT, PageQuery } from "../../../platform/schema.ts";
import { auth } from "../mod.ts";
import { operations, SessionPage, SessionParams, SessionScope } from "../schema.ts";
import { endManySessions, endSession, listSessions } from "../service/session_list.ts";

/** GET /v1/sessions · DELETE /v1/sessions, …/{id} */
export function sessionRoutes(platform: Platform) {
  return new Elysia({
    name: "auth.sessions",
    prefix: "/v1/sessions",
    detail: { tags: ["auth"] },
  })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get(
      "",
      ({ query, session }) =>
        listSessions(platform, session, { ...query, limit: query.limit ?? PAGE_LIMIT }),
      {
        query: PageQuery,
        response: {
          200: SessionPage,
          ...problems(...SIGNED_IN_REFUSALS, InvalidCursor, ValidationFailed),
        },
        detail: operations.listSessions,
      },
    )
    .delete(
      "",
      async ({ query, session, set }) => {
        await endManySessions(platform, session, query.scope);
        set.status = 204;
      },
      {
        query: SessionScope,
        response: problems(...SIGNED_IN_REFUSALS, ValidationFailed),
        detail: operations.endSessions,
      },
    )
    .delete(
      "/:id",
      async ({ params, session, set }) => {
        const { userId } = session;
        await endSession(platform, { userId, sessionId: params.id.toLowerCase() });
        set.status = 204;
      },
      {
        params: SessionParams,
        response: problems(...SIGNED_IN_REFUSALS, NotFound, ValidationFailed),
        detail: operations.endSession,
      },
    );
}
