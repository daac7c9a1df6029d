import { Elysia } from "elysia";

import { InvalidCursor, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { PAGE_LIMIT, PageQuery } from "../../../platform/schema.ts";
import { auth } from "../../auth/mod.ts";
import { ConversationParams } from "../schema/conversations.ts";
import { MessagePage } from "../schema/messages.ts";
import { MessageParams } from "../schema/places.ts";
import { threadOperations, ThreadPage, ThreadPatch, ThreadState } from "../schema/threads.ts";
import { listThread } from "../service/messages.ts";
import { changeThreadState, listThreads } from "../service/threads.ts";
import { messagePlace, place } from "./place.ts";
import { REFUSALS } from "./refusals.ts";

const pageRefused = problems(...REFUSALS, NotFound, InvalidCursor);

/** GET /v1/conversations/{id}/threads · GET …/threads/{seq}/messages · PATCH …/threads/{seq} */
export function threadRoutes(platform: Platform) {
  return new Elysia({
    name: "chat.threads",
    prefix: "/v1/conversations/:id/threads",
    detail: { tags: ["chat"] },
  })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get(
      "",
      ({ params, query, session }) =>
        listThreads(platform, {
          ...place(params, session),
          ...query,
          limit: query.limit ?? PAGE_LIMIT,
        }),
      {
        params: ConversationParams,
        query: PageQuery,
        response: { 200: ThreadPage, ...pageRefused },
        detail: threadOperations.listThreads,
      },
    )
    .get(
      "/:seq/messages",
      ({ params, query, session }) =>
        listThread(platform, {
          ...messagePlace(params, session),
          ...query,
          limit: query.limit ?? PAGE_LIMIT,
        }),
      {
        params: MessageParams,
        query: PageQuery,
        response: { 200: MessagePage, ...pageRefused },
        detail: threadOperations.listThreadMessages,
      },
    )
    .patch(
      "/:seq",
      ({ body, params, session }) =>
        changeThreadState(platform, { ...messagePlace(params, session), ...body }),
      {
        params: MessageParams,
        body: ThreadPatch,
        response: { 200: ThreadState, ...problems(...REFUSALS, NotFound) },
        detail: threadOperations.changeThread,
      },
    );
}
