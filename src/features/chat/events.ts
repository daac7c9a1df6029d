import type { Platform } from "../../platform/platform.ts";
import { type FrameHandlers, onFrame } from "../../platform/realtime/frames.ts";
import { ChatFrames } from "./schema.ts";
import { syncEvents } from "./service/events.ts";
import { sendMessage } from "./service/messages.ts";

const SYNC_LIMIT = 200;

/** send → ack · sync → sync.ok */
export function chatEvents(platform: Platform): FrameHandlers {
  return {
    send: onFrame(ChatFrames.send, async (frame, { userId }) => {
      const conversationId = frame.ch.slice(2).toLowerCase();
      const sent = await sendMessage(platform, {
        userId,
        conversationId,
        clientId: frame.cid,
        body: frame.body,
      });
      const { message, no, duplicate } = sent;
      return {
        t: "ack",
        i: frame.i,
        cid: frame.cid,
        msg: message.id,
        seq: message.seq,
        no,
        ts: Date.parse(message.createdAt),
        dup: duplicate,
      };
    }),
    sync: onFrame(ChatFrames.sync, async (frame, { userId }) => {
      const { ch, from, lim = SYNC_LIMIT } = frame;
      const { events, more } = await syncEvents(platform, {
        userId,
        channel: ch,
        from,
        limit: lim,
      });
      const ev = events.map((event) => JSON.parse(event.frame) as object);
      return { t: "sync.ok", i: frame.i, from, to: events.at(-1)?.seq ?? from, ev, more };
    }),
  };
}
