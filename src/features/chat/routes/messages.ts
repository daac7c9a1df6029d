import { Elysia } from "elysia";

import { Forbidden, InvalidCursor, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { RateLimited } from "../../../platform/realtime/rate.ts";
import { assertMaySend } from "../../../platform/realtime/sends.ts";
import { PAGE_LIMIT, PageQuery } from "../../../platform/schema.ts";
import { auth } from "../../auth/mod.ts";
import { NotReachable } from "../../blocks/mod.ts";
import { ConversationParams, SlowMode } from "../schema/conversations.ts";
import { Message, messageOperations, MessagePage, NewMessage } from "../schema/messages.ts";
import { listMessages } from "../service/messages.ts";
import { sendMessage } from "../service/send.ts";
import { REFUSALS } from "./refusals.ts";

/** GET, POST /v1/conversations/{id}/messages */
export function messageRoutes(platform: Platform) {
  return new Elysia({
    name: "chat.messages",
    prefix: "/v1/conversations",
    detail: { tags: ["chat"] },
  })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get(
      "/:id/messages",
      ({ params, query, session }) =>
        listMessages(platform, {
          ...query,
          userId: session.userId,
          conversationId: params.id.toLowerCase(),
          limit: query.limit ?? PAGE_LIMIT,
        }),
      {
        params: ConversationParams,
        query: PageQuery,
        response: { 200: MessagePage, ...problems(...REFUSALS, NotFound, InvalidCursor) },
        detail: messageOperations.listMessages,
      },
    )
    .post(
      "/:id/messages",
      async ({ body, params, session, set }) => {
        await assertMaySend(platform.sends, session.userId);
        const { message, duplicate } = await sendMessage(platform, {
          ...body,
          userId: session.userId,
          conversationId: params.id.toLowerCase(),
        });
        set.status = duplicate ? 200 : 201;
        return message;
      },
      {
        params: ConversationParams,
        body: NewMessage,
        response: {
          200: Message,
          201: Message,
          ...problems(...REFUSALS, Forbidden, NotFound, NotReachable, RateLimited, SlowMode),
        },
        detail: messageOperations.sendMessage,
      },
    );
}
