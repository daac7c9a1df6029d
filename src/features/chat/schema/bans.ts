import { t } from "elysia";

import { defineError } from "../../../platform/errors.ts";
import { Id, object, page, Time } from "../../../platform/schema.ts";

/** Far more than a group has members. */
export const MAX_BANS = 5_000;

export const Barred = defineError("barred", 403, {
  en: "This person may not be brought in again",
  vi: "Người này đã bị cấm tham gia lại",
});
export const StillMember = defineError("still_member", 409, {
  en: "Take this person out first",
  vi: "Hãy đưa người này ra khỏi nhóm trước",
});
export const TooManyBans = defineError("too_many_bans", 409, {
  en: "As many people are barred here as may be",
  vi: "Danh sách cấm đã đầy",
});

export const Ban = object(
  { userId: Id, displayName: t.String({ examples: ["Minh"] }), createdAt: Time },
  { title: "Ban", description: "Somebody who may not be brought into a conversation again." },
);
export type Ban = typeof Ban.static;
export const BanPage = page(Ban, { title: "BanPage" });

/** What the API's document says about each operation. */
export const banOperations = {
  listBans: {
    operationId: "listBans",
    summary: "List who is barred",
    description: "For who may take members out. The newest first.",
  },
  bar: {
    operationId: "barUser",
    summary: "Bar a user from a group",
    description:
      "Nobody brings in who is barred. It is for users who have left or were taken out, or were never there. Who is " +
      "barred already stays so.",
    responses: { 204: { description: "The user is barred." } },
  },
  unbar: {
    operationId: "unbarUser",
    summary: "Let a user in again",
    description: "They come in once somebody brings them in.",
    responses: { 204: { description: "The user is not barred." } },
  },
};
