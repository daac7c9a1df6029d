/** A socket that has said hello, as the hub and the features see it. */
export interface Connection {
  readonly id: string;
  readonly userId: string;
  readonly sessionId: string;
  /** Sends one frame's text to this socket alone. */
  send(text: string): void;
  /** The same for what may be lost: a socket that reads slowly does not get it. */
  sendEphemeral(text: string): void;
  /** From now on the socket gets what is published to the channel. */
  join(channel: string): void;
  /** Nothing that is published to the channel from now on reaches the socket, not even what may be lost. */
  leave(channel: string): void;
  /** From now on the socket also gets what may be lost of the channel, except while it reads slowly. */
  watch(channel: string): void;
  unwatch(channel: string): void;
  close(code: number, reason: string): void;
}

/** Where what may be lost of a channel is published to the sockets of this instance. */
export function ephemeralTopic(channel: string): string {
  return `${channel}:e`;
}

/** For which session, and for whom, a socket speaks. */
export type Session = Pick<Connection, "userId" | "sessionId">;

/** Close codes of `frm.v1`; the code alone tells a client whether to come back. */
export const CloseCode = {
  restart: 4000,
  drain: 4001,
  slow: 4002,
  insufficient: 4003,
  noHeartbeat: 4004,
  tokenExpired: 4005,
  tooManyRequests: 4029,
  unreadable: 4400,
  sessionEnded: 4401,
  banned: 4403,
  noHello: 4408,
  replaced: 4409,
  clientTooOld: 4426,
} as const;
