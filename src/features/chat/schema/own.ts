import { t } from "elysia";

import { count, object, Time } from "../../../platform/schema.ts";
import { Role, WAITS } from "./permissions.ts";

/** Beyond so many, unread messages are not counted one by one. */
export const MAX_UNREAD = 1_000;
const Notify = t.Union([t.Literal("all"), t.Literal("mentions"), t.Literal("none")], {
  description: "Of which messages the user wants notice.",
});
const Muted = t.Union([t.Literal("forever"), Time, t.Null()], {
  description: "Until when the user wants no notice at all; null for not muted.",
  examples: [null],
});
const Archived = t.Boolean({
  description: "Out of the way; it stays so, whatever is sent, until the user takes it back.",
});

/** How one member wants to hear of a conversation. */
export const Settings = object({ muted: Muted, archived: Archived, notify: Notify });
export type Settings = typeof Settings.static;

/** What the caller is in a conversation, and has read of it. */
export const own = {
  role: Role,
  permissions: count(
    `What the caller may do: bits of the permissions. With ${WAITS} the caller waits between two messages.`,
    7,
  ),
  readSeq: count("Position up to which the caller has read.", 40),
  unread: count(
    `Messages of others behind it, threads and deleted ones not counted; ${MAX_UNREAD} stands for that many or more.`,
    2,
  ),
  mentions: count(
    `Those behind it that name the caller or everybody, in threads too; ${MAX_UNREAD} stands for that many or more.`,
    0,
  ),
  ...Settings.properties,
};
