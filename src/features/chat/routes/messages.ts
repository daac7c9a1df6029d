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
import {
  EditConflict,
  EditWindowClosed,
  HistoryQuery,
  Message,
  MessageEdit,
  MessageGone,
  messageOperations,
  MessagePage,
  MessageVersionPage,
  NewMessage,
} from "../schema/messages.ts";
import { MessageParams } from "../schema/places.ts";
import { deleteMessage } from "../service/deletes.ts";
import { editMessage, listEdits } from "../service/edits.ts";
import { listMessages } from "../service/messages.ts";
import { sendMessage } from "../service/send.ts";
import { messagePlace } from "./place.ts";
import { REFUSALS } from "./refusals.ts";

const editRefused = problems(
  ...REFUSALS,
  Forbidden,
  NotFound,
  MessageGone,
  EditConflict,
  EditWindowClosed,
  RateLimited,
);

/** GET, POST /v1/conversations/{id}/messages · PATCH, DELETE …/messages/{seq} · GET …/messages/{seq}/edits */
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
        query: HistoryQuery,
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
    )
    .patch(
      "/:id/messages/:seq",
      async ({ body, params, session }) => {
        await assertMaySend(platform.sends, session.userId);
        return await editMessage(platform, { ...messagePlace(params, session), ...body });
      },
      {
        params: MessageParams,
        body: MessageEdit,
        response: { 200: Message, ...editRefused },
        detail: messageOperations.editMessage,
      },
    )
    .delete(
      "/:id/messages/:seq",
      async ({ params, session, set }) => {
        await deleteMessage(platform, messagePlace(params, session));
        set.status = 204;
      },
      {
        params: MessageParams,
        response: problems(...REFUSALS, Forbidden, NotFound),
        detail: messageOperations.deleteMessage,
      },
    )
    .get(
      "/:id/messages/:seq/edits",
      ({ params, query, session }) =>
        listEdits(platform, {
          ...messagePlace(params, session),
          ...query,
          limit: query.limit ?? PAGE_LIMIT,
        }),
      {
        params: MessageParams,
        query: PageQuery,
        response: { 200: MessageVersionPage, ...problems(...REFUSALS, NotFound, InvalidCursor) },
        detail: messageOperations.listEdits,
      },
    );
}
