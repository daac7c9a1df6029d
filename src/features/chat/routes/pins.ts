import { Elysia } from "elysia";

import { Forbidden, InvalidCursor, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { RateLimited } from "../../../platform/realtime/rate.ts";
import { assertMaySend } from "../../../platform/realtime/sends.ts";
import { PAGE_LIMIT, PageQuery } from "../../../platform/schema.ts";
import { auth } from "../../auth/mod.ts";
import { ConversationParams } from "../schema/conversations.ts";
import { MessageGone } from "../schema/messages.ts";
import { pinOperations, PinPage, TooManyPins } from "../schema/pins.ts";
import { MessageParams } from "../schema/places.ts";
import { listPins, setPin } from "../service/pins.ts";
import { messagePlace, place } from "./place.ts";
import { REFUSALS } from "./refusals.ts";

/** GET /v1/conversations/{id}/pins · PUT, DELETE …/pins/{seq} */
export function pinRoutes(platform: Platform) {
  return new Elysia({
    name: "chat.pins",
    prefix: "/v1/conversations/:id/pins",
    detail: { tags: ["chat"] },
  })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get(
      "",
      ({ params, query, session }) =>
        listPins(platform, {
          ...place(params, session),
          ...query,
          limit: query.limit ?? PAGE_LIMIT,
        }),
      {
        params: ConversationParams,
        query: PageQuery,
        response: { 200: PinPage, ...problems(...REFUSALS, NotFound, InvalidCursor) },
        detail: pinOperations.listPins,
      },
    )
    .put(
      "/:seq",
      async ({ params, session, set }) => {
        await assertMaySend(platform.sends, session.userId);
        await setPin(platform, { ...messagePlace(params, session), on: true });
        set.status = 204;
      },
      {
        params: MessageParams,
        response: problems(...REFUSALS, Forbidden, NotFound, MessageGone, TooManyPins, RateLimited),
        detail: pinOperations.pinMessage,
      },
    )
    .delete(
      "/:seq",
      async ({ params, session, set }) => {
        await assertMaySend(platform.sends, session.userId);
        await setPin(platform, { ...messagePlace(params, session), on: false });
        set.status = 204;
      },
      {
        params: MessageParams,
        response: problems(...REFUSALS, Forbidden, NotFound, RateLimited),
        detail: pinOperations.unpinMessage,
      },
    );
}
