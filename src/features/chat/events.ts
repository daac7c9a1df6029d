import type { Platform } from "../../platform/platform.ts";
import { type FrameHandlers, onFrame, onFrames } from "../../platform/realtime/dispatch.ts";
import { okFrame } from "../../platform/realtime/frames.ts";
import { assertMaySend, sendWithin } from "../../platform/realtime/sends.ts";
import { ChatFrames } from "./schema/frames.ts";
import { deleteMessage } from "./service/deletes.ts";
import type { Draft } from "./service/drafts.ts";
import { editMessage } from "./service/edits.ts";
import { conversationOf } from "./service/frames.ts";
import type { SentMessage } from "./service/message_insert.ts";
import { setPin } from "./service/pins.ts";
import { setReaction } from "./service/reactions.ts";
import { markAllRead } from "./service/reads.ts";
import { isRich } from "./service/rich_send.ts";
import { sendMessages } from "./service/send.ts";

type Send = typeof ChatFrames.send.static;

/** send → ack · read, edit, del, react, pin → ok */
export function chatEvents(platform: Platform): FrameHandlers {
  return {
    send: onFrames({
      schema: ChatFrames.send,
      // What leads elsewhere or names somebody goes by itself.
      key: (frame) => (isRich(draftOf(frame)) ? `${frame.ch} ${frame.cid}` : frame.ch),
      handle: (all, { userId }) =>
        sendWithin(platform.sends, { userId, frames: all }, async (frames) => {
          const conversationId = conversationOf(frames[0]?.ch ?? "");
          const messages = frames.map(draftOf);
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
      await assertMaySend(platform.sends, userId);
      await editMessage(platform, { ...placeOf(frame), userId, body, rev });
      return undefined;
    }),
    del: onFrame(ChatFrames.del, async (frame, { userId }) => {
      await deleteMessage(platform, { ...placeOf(frame), userId });
      return undefined;
    }),
    react: onFrame(ChatFrames.react, async ({ e: emoji, on, ...frame }, { userId }) => {
      await assertMaySend(platform.sends, userId);
      await setReaction(platform, { ...placeOf(frame), userId, emoji, on });
      return undefined;
    }),
    pin: onFrame(ChatFrames.pin, async ({ on, ...frame }, { userId }) => {
      await assertMaySend(platform.sends, userId);
      await setPin(platform, { ...placeOf(frame), userId, on });
      return undefined;
    }),
  };
}

function draftOf({ cid, body, re, th, att }: Send): Draft {
  return {
    clientId: cid,
    body,
    ...(re === undefined ? {} : { replySeq: re }),
    ...(th === undefined ? {} : { threadSeq: th }),
    ...(att === undefined ? {} : { attachments: att }),
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
