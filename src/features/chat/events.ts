import type { Platform } from "../../platform/platform.ts";
import { type FrameHandlers, onFrames } from "../../platform/realtime/dispatch.ts";
import { okFrame } from "../../platform/realtime/frames.ts";
import { sendWithin } from "../../platform/realtime/sends.ts";
import { ChatFrames } from "./schema/frames.ts";
import { conversationOf } from "./service/frames.ts";
import { markAllRead } from "./service/reads.ts";
import { sendMessages, type SentMessage } from "./service/send.ts";

type Send = typeof ChatFrames.send.static;

/** send → ack · read → ok */
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
  };
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
