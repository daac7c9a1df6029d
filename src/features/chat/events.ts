import type { Platform } from "../../platform/platform.ts";
import { type FrameHandlers, onFrame, onFrames } from "../../platform/realtime/dispatch.ts";
import { sendWithin } from "../../platform/realtime/sends.ts";
import { syncUserEvents } from "../realtime/mod.ts";
import { ChatFrames } from "./schema/frames.ts";
import { syncEvents } from "./service/events.ts";
import { conversationOf } from "./service/frames.ts";
import { sendMessages, type SentMessage } from "./service/send.ts";

const SYNC_LIMIT = 200;

type Send = typeof ChatFrames.send.static;

/** send → ack · sync → sync.ok */
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
    sync: onFrame(ChatFrames.sync, async (frame, { userId }) => {
      const { ch, from, lim = SYNC_LIMIT } = frame;
      const range = { userId, from, limit: lim };
      const { events, more, ...rest } =
        ch === "u"
          ? await syncUserEvents(platform, range)
          : await syncEvents(platform, { ...range, channel: ch });
      const ev = events.map((event) => JSON.parse(event.frame) as object);
      const to = events.at(-1)?.seq ?? from;
      return { t: "sync.ok", i: frame.i, from, to, ev, more, ...rest };
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
