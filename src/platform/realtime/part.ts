import type { Connection } from "./connection.ts";
import type { FrameHandlers } from "./dispatch.ts";
import type { Hello } from "./frames.ts";

/** Something beside the hub that keeps a state for each socket. */
export interface SocketPart {
  /** Frames of its own. */
  handlers?: FrameHandlers;
  start?(): void;
  /** The socket has been greeted, and its frames are handled from now on. */
  attach?(connection: Connection, hello: Hello): void;
  /** The socket has shown a newer token of its session: what was allowed before is asked again. */
  renew?(connection: Connection): Promise<void>;
  /** The socket has closed. */
  detach(connection: Connection): void;
  close?(): Promise<void> | void;
}
