import { Elysia } from "elysia";

import { Forbidden, InvalidCursor, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { RateLimited } from "../../../platform/realtime/rate.ts";
import { assertMaySend } from "../../../platform/realtime/sends.ts";
import { PAGE_LIMIT, PageQuery } from "../../../platform/schema.ts";
import { auth } from "../../auth/mod.ts";
import { MessageGone } from "../schema/messages.ts";
import { MessageParams } from "../schema/places.ts";
import {
  Reacted,
  reactionOperations,
  ReactionPage,
  ReactionParams,
  TooManyReactions,
} from "../schema/reactions.ts";
import { listReactions, setReaction } from "../service/reactions.ts";
import { messagePlace } from "./place.ts";
import { REFUSALS } from "./refusals.ts";

/** GET /v1/conversations/{id}/messages/{seq}/reactions · PUT, DELETE …/reactions/{emoji} */
export function reactionRoutes(platform: Platform) {
  return new Elysia({
    name: "chat.reactions",
    prefix: "/v1/conversations/:id/messages/:seq/reactions",
    detail: { tags: ["chat"] },
  })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get(
      "",
      ({ params, query, session }) =>
        listReactions(platform, {
          ...messagePlace(params, session),
          ...query,
          limit: query.limit ?? PAGE_LIMIT,
        }),
      {
        params: MessageParams,
        query: PageQuery,
        response: { 200: ReactionPage, ...problems(...REFUSALS, NotFound, InvalidCursor) },
        detail: reactionOperations.listReactions,
      },
    )
    .put(
      "/:emoji",
      async ({ params, session }) => {
        await assertMaySend(platform.sends, session.userId);
        const place = { ...messagePlace(params, session), emoji: params.emoji };
        return { count: await setReaction(platform, { ...place, on: true }) };
      },
      {
        params: ReactionParams,
        response: {
          200: Reacted,
          ...problems(...REFUSALS, Forbidden, NotFound, MessageGone, TooManyReactions, RateLimited),
        },
        detail: reactionOperations.addReaction,
      },
    )
    .delete(
      "/:emoji",
      async ({ params, session }) => {
        await assertMaySend(platform.sends, session.userId);
        const place = { ...messagePlace(params, session), emoji: params.emoji };
        return { count: await setReaction(platform, { ...place, on: false }) };
      },
      {
        params: ReactionParams,
        response: { 200: Reacted, ...problems(...REFUSALS, NotFound, RateLimited) },
        detail: reactionOperations.removeReaction,
      },
    );
}
