import { Elysia } from "elysia";

import { InvalidCursor, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { problems } from "../../../platform/problems.ts";
import { PAGE_LIMIT, PageQuery } from "../../../platform/schema.ts";
import { auth } from "../../auth/mod.ts";
import { ConversationParams, NoReceipts } from "../schema/conversations.ts";
import { Settings } from "../schema/own.ts";
import {
  NewRead,
  NewUnread,
  Readers,
  ReadersParams,
  Reads,
  ReadState,
  SettingsPatch,
  stateOperations,
  UnreadTotals,
} from "../schema/states.ts";
import { changeOwnSettings } from "../service/own_settings.ts";
import { getReadState, markRead, markUnread } from "../service/reads.ts";
import { listReaders, listReads } from "../service/receipts.ts";
import { totalUnread } from "../service/unread_totals.ts";
import { messagePlace, place } from "./place.ts";
import { REFUSALS } from "./refusals.ts";

const receiptsRefused = problems(...REFUSALS, NotFound, NoReceipts, InvalidCursor);

/** GET /v1/conversations/unread · PATCH …/{id}/me · PUT …/{id}/read · POST …/{id}/unread · GET …/{id}/reads, …/{id}/messages/{seq}/readers */
export function stateRoutes(platform: Platform) {
  return new Elysia({
    name: "chat.states",
    prefix: "/v1/conversations",
    detail: { tags: ["chat"] },
  })
    .use(auth(platform))
    .guard({ signedIn: true })
    .get("/unread", ({ session }) => totalUnread(platform, session.userId), {
      response: { 200: UnreadTotals, ...problems(...REFUSALS) },
      detail: stateOperations.totalUnread,
    })
    .patch(
      "/:id/me",
      ({ body, params, session }) =>
        changeOwnSettings(platform, { ...place(params, session), patch: body }),
      {
        params: ConversationParams,
        body: SettingsPatch,
        response: { 200: Settings, ...problems(...REFUSALS, NotFound) },
        detail: stateOperations.changeOwnSettings,
      },
    )
    .put(
      "/:id/read",
      async ({ body, params, session }) => {
        await markRead(platform, { ...place(params, session), ...body });
        return await getReadState(platform, place(params, session));
      },
      {
        params: ConversationParams,
        body: NewRead,
        response: { 200: ReadState, ...problems(...REFUSALS, NotFound) },
        detail: stateOperations.markRead,
      },
    )
    .post(
      "/:id/unread",
      async ({ body, params, session, set }) => {
        set.status = 200;
        return await markUnread(platform, { ...place(params, session), ...body });
      },
      {
        params: ConversationParams,
        body: NewUnread,
        response: { 200: ReadState, ...problems(...REFUSALS, NotFound) },
        detail: stateOperations.markUnread,
      },
    )
    .get(
      "/:id/reads",
      ({ params, query, session }) =>
        listReads(platform, {
          ...place(params, session),
          ...query,
          limit: query.limit ?? PAGE_LIMIT,
        }),
      {
        params: ConversationParams,
        query: PageQuery,
        response: { 200: Reads, ...receiptsRefused },
        detail: stateOperations.listReads,
      },
    )
    .get(
      "/:id/messages/:seq/readers",
      ({ params, query, session }) =>
        listReaders(platform, {
          ...messagePlace(params, session),
          ...query,
          limit: query.limit ?? PAGE_LIMIT,
        }),
      {
        params: ReadersParams,
        query: PageQuery,
        response: { 200: Readers, ...receiptsRefused },
        detail: stateOperations.listReaders,
      },
    );
}
