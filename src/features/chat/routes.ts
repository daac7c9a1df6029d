import { Elysia } from "elysia";

import {
  DependencyUnavailable,
  Forbidden,
  InvalidCursor,
  NotFound,
  SessionRevoked,
  TokenExpired,
  TokenInvalid,
  Unauthenticated,
  ValidationFailed,
} from "../../platform/errors.ts";
import type { Platform } from "../../platform/platform.ts";
import { problems } from "../../platform/problems.ts";
import { PAGE_LIMIT, PageQuery } from "../../platform/schema.ts";
import { auth } from "../auth/mod.ts";
import {
  Conversation,
  ConversationPage,
  ConversationParams,
  GroupFull,
  LastOwner,
  MemberParams,
  Message,
  MessagePage,
  NewConversation,
  NewMessage,
  NotAGroup,
  operations,
} from "./schema.ts";
import { createConversation, listConversations } from "./service/conversations.ts";
import { addMember, removeMember } from "./service/members.ts";
import { listMessages } from "./service/messages.ts";
import { sendMessage } from "./service/send.ts";

const shared = [
  Unauthenticated,
  TokenExpired,
  TokenInvalid,
  SessionRevoked,
  ValidationFailed,
  DependencyUnavailable,
] as const;
const member = [...shared, Forbidden, NotFound, NotAGroup] as const;

/** GET, POST /v1/conversations · GET, POST …/{id}/messages · PUT, DELETE …/{id}/members/{userId} */
export function chatRoutes(platform: Platform) {
  return new Elysia({
    name: "chat.routes",
    prefix: "/v1/conversations",
    detail: { tags: ["chat"] },
  })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get(
      "",
      ({ query, session }) =>
        listConversations(platform, {
          ...query,
          userId: session.userId,
          limit: query.limit ?? PAGE_LIMIT,
        }),
      {
        query: PageQuery,
        response: { 200: ConversationPage, ...problems(...shared, InvalidCursor) },
        detail: operations.listConversations,
      },
    )
    .post(
      "",
      async ({ body, session, set }) => {
        const { conversation, created } = await createConversation(platform, session.userId, body);
        set.status = created ? 201 : 200;
        set.headers["location"] = `/v1/conversations/${conversation.id}`;
        return conversation;
      },
      {
        body: NewConversation,
        response: { 200: Conversation, 201: Conversation, ...problems(...shared, NotFound) },
        detail: operations.openConversation,
      },
    )
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
        response: { 200: MessagePage, ...problems(...shared, NotFound, InvalidCursor) },
        detail: operations.listMessages,
      },
    )
    .post(
      "/:id/messages",
      async ({ body, params, session, set }) => {
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
        response: { 200: Message, 201: Message, ...problems(...shared, NotFound) },
        detail: operations.sendMessage,
      },
    )
    .put(
      "/:id/members/:userId",
      async ({ params, session, set }) => {
        await addMember(platform, target(params, session));
        set.status = 204;
      },
      {
        params: MemberParams,
        response: problems(...member, GroupFull),
        detail: operations.addMember,
      },
    )
    .delete(
      "/:id/members/:userId",
      async ({ params, session, set }) => {
        await removeMember(platform, target(params, session));
        set.status = 204;
      },
      {
        params: MemberParams,
        response: problems(...member, LastOwner),
        detail: operations.removeMember,
      },
    );
}

function target(params: typeof MemberParams.static, session: { userId: string }) {
  return {
    userId: session.userId,
    conversationId: params.id.toLowerCase(),
    memberId: params.userId.toLowerCase(),
  };
}
