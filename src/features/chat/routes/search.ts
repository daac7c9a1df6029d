import { Elysia } from "elysia";

import { InvalidCursor, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { RateLimited } from "../../../platform/realtime/rate.ts";
import { assertMaySend } from "../../../platform/realtime/sends.ts";
import { PAGE_LIMIT } from "../../../platform/schema.ts";
import { auth } from "../../auth/mod.ts";
import { ConversationParams } from "../schema/conversations.ts";
import {
  ConversationSearch,
  FoundPage,
  NothingToSearch,
  Search,
  searchOperations,
} from "../schema/search.ts";
import { searchMessages } from "../service/search.ts";
import { REFUSALS } from "./refusals.ts";

const refused = problems(...REFUSALS, InvalidCursor, NotFound, NothingToSearch, RateLimited);

/** GET /v1/conversations/search · GET /v1/conversations/{id}/messages/search */
export function searchRoutes(platform: Platform) {
  return new Elysia({
    name: "chat.search",
    prefix: "/v1/conversations",
    detail: { tags: ["chat"] },
  })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get(
      "/search",
      async ({ query, session: { userId } }) => {
        await assertMaySend(platform.searches, userId);
        const { conversationId, ...rest } = query;
        const within =
          conversationId === undefined ? {} : { conversationId: conversationId.toLowerCase() };
        const limit = query.limit ?? PAGE_LIMIT;
        return await searchMessages(platform, { ...rest, ...within, userId, limit });
      },
      {
        query: Search,
        response: { 200: FoundPage, ...refused },
        detail: searchOperations.searchMessages,
      },
    )
    .get(
      "/:id/messages/search",
      async ({ params, query, session: { userId } }) => {
        await assertMaySend(platform.searches, userId);
        return await searchMessages(platform, {
          ...query,
          userId,
          conversationId: params.id.toLowerCase(),
          limit: query.limit ?? PAGE_LIMIT,
        });
      },
      {
        params: ConversationParams,
        query: ConversationSearch,
        response: { 200: FoundPage, ...refused },
        detail: searchOperations.searchConversation,
      },
    );
}
