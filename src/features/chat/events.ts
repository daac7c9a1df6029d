import type { Platform } from "../../platform/platform.ts";
import { type FrameHandlers, onFrame, onFrames } from "../../platform/realtime/dispatch.ts";
import { okFrame } from "../../platform/realtime/frames.ts";
import { sendWithin } from "../../platform/realtime/sends.ts";
import { ChatFrames } from "./schema/frames.ts";
import { deleteMessage } from "./service/deletes.ts";
import { editMessage } from "./service/edits.ts";
import { conversationOf } from "./service/frames.ts";
import { setPin } from "./service/pins.ts";
import { setReaction } from "./service/reactions.ts";
import { markAllRead } from "./service/reads.ts";
import { sendMessages, type SentMessage } from "./service/send.ts";

type Send = typeof ChatFrames.send.static;

/** send → ack · read, edit, del, react, pin → ok */
export function chatEvents(platform: Platform): FrameHandlers {
  return {
    send: onFrames({
      schema: ChatFrames.send,
      key: (frame) => frame.ch,
      handle: (all, { userId }) =>
        sendWithin(platform.sends, { userId, frames: all }, async (frames) => {
          const conversationId = conversationOf(frames[0]?.ch ?? "");
          const messages = frames.map(({ cid, body }) => ({ clientId: cid, body }));
          const sent = await sendMessages(platform, { userId, conversationId, messages });
          return sent.map((each, at) => ack(each, frames[at]));
        }),
    }),
    read: onFrames({
      schema: ChatFrames.read,
      key: (frame) => frame.ch,
      handle: async (frames, { userId }) => {
        const conversationId = conversationOf(frames[0]?.ch ?? "");
        await markAllRead(platform, { userId, conversationId, marks: frames });
        return frames.map(okFrame);
      },
    }),
    edit: onFrame(ChatFrames.edit, async ({ body, rev, ...frame }, { userId }) => {
      await editMessage(platform, { ...placeOf(frame), userId, body, rev });
      return undefined;
    }),
    del: onFrame(ChatFrames.del, async (frame, { userId }) => {
      await deleteMessage(platform, { ...placeOf(frame), userId });
      return undefined;
    }),
    react: onFrame(ChatFrames.react, async ({ e: emoji, on, ...frame }, { userId }) => {
      await setReaction(platform, { ...placeOf(frame), userId, emoji, on });
      return undefined;
    }),
    pin: onFrame(ChatFrames.pin, async ({ on, ...frame }, { userId }) => {
      await setPin(platform, { ...placeOf(frame), userId, on });
      return undefined;
    }),
  };
}

function placeOf({ ch, msg }: { ch: string; msg: number }) {
  return { conversationId: conversationOf(ch), seq: msg };
}

function ack({ message, no, duplicate }: SentMessage, frame: Send | undefined): object {
  return {
    t: "ack",
    i: frame?.i,
    cid: frame?.cid,
    msg: message.id,
    seq: message.seq,
    no,
    ts: Date.parse(message.createdAt),
    dup: duplicate,
  };
}
