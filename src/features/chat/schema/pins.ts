import { defineError } from "../../../platform/errors.ts";
import { Id, object, page, Time } from "../../../platform/schema.ts";
import { Message } from "./messages.ts";

export const MAX_PINS = 100;

export const TooManyPins = defineError("too_many_pins", 409, {
  en: "As many messages are pinned as may be; unpin one first",
  vi: "Đã ghim đủ số tin nhắn tối đa; hãy bỏ ghim một tin trước",
});

const Pin = object({ message: Message, pinnedBy: Id, pinnedAt: Time }, { title: "Pin" });
export type Pin = typeof Pin.static;
export const PinPage = page(Pin, { title: "PinPage" });

/** What the API's document says about each operation. */
export const pinOperations = {
  listPins: {
    operationId: "listPins",
    summary: "List what is pinned",
    description: "The pinned messages of a conversation, the latest message first.",
  },
  pinMessage: {
    operationId: "pinMessage",
    summary: "Pin a message",
    description: "For members who have the permission. What is pinned already stays so.",
    responses: { 204: { description: "The message is pinned." } },
  },
  unpinMessage: {
    operationId: "unpinMessage",
    summary: "Unpin a message",
    description: "For members who have the permission.",
    responses: { 204: { description: "The message is not pinned." } },
  },
};
