import type { Platform } from "../../platform/platform.ts";
import { onFrame } from "../../platform/realtime/dispatch.ts";
import { okFrame } from "../../platform/realtime/frames.ts";
import type { SocketPart } from "../../platform/realtime/part.ts";
import { PresenceFrames } from "./schema.ts";
import { createAttendance } from "./service/attendance.ts";
import { createTyping } from "./service/typing.ts";

/** typ → ok · pres → ok */
export function presenceEvents(platform: Platform): SocketPart {
  const attendance = createAttendance(platform);
  const typing = createTyping(platform);
  return {
    handlers: {
      typ: onFrame(PresenceFrames.typ, async (frame, { userId }) => {
        await typing.show({ userId, conversationId: frame.ch.slice(2), on: frame.on });
        return okFrame(frame);
      }),
      pres: onFrame(PresenceFrames.pres, async (frame, connection) => {
        attendance.set(connection, frame.status);
        return okFrame(frame);
      }),
    },
    start: () => attendance.start(),
    attach: (connection) => attendance.set(connection, "online"),
    detach: (connection) => attendance.remove(connection),
    close: () => attendance.close(),
  };
}
