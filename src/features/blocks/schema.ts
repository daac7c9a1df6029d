import { t } from "elysia";

import { defineError } from "../../platform/errors.ts";
import { defineUserEvent } from "../../platform/realtime/user_events.ts";
import { Id, object, page, Time } from "../../platform/schema.ts";

/** Enough for anybody, and few enough that a client keeps all of them. */
export const MAX_BLOCKS = 2_000;

/** It says the same to both, so that nobody learns from it who has blocked whom. */
export const NotReachable = defineError("not_reachable", 403, {
  en: "You and this person cannot reach each other",
  vi: "Bạn và người này không thể liên lạc với nhau",
});
export const TooManyBlocks = defineError("too_many_blocks", 409, {
  en: "You have blocked as many people as you may",
  vi: "Bạn đã chặn đủ số người tối đa",
});

export const BlockChanged = defineUserEvent("block", {
  meaning: "the user has blocked somebody, or does so no more",
  data: object({
    userId: Id,
    on: t.Boolean({ description: "Whether the other one is blocked from now on." }),
  }),
});

export const BlockParams = object({ userId: { ...Id, description: "The other user." } });

export const Block = object(
  { userId: Id, displayName: t.String({ examples: ["Minh"] }), createdAt: Time },
  { title: "Block", description: "Somebody whom the caller has blocked." },
);
export type Block = typeof Block.static;
export const BlockPage = page(Block, { title: "BlockPage" });

/** What the API's document says about each operation. */
export const operations = {
  listBlocks: {
    operationId: "listBlocks",
    summary: "List whom I have blocked",
    description:
      "The newest first. What they say in groups stays there for everybody else, and a client hides it from the caller.",
  },
  block: {
    operationId: "blockUser",
    summary: "Block a user",
    description:
      "From then on neither of the two writes to the other alone, nor brings the other into a group, and a mention by " +
      "one of them does not reach the other. Nobody is told. Who is blocked already stays so.",
    responses: { 204: { description: "The user is blocked." } },
  },
  unblock: {
    operationId: "unblockUser",
    summary: "Take a block back",
    description: "Where the other one has blocked the caller as well, that stays as it is.",
    responses: { 204: { description: "The caller blocks the user no more." } },
  },
};
