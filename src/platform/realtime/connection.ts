/** A socket that has said hello, as the hub and the features see it. */
export interface Connection {
  readonly id: string;
  readonly userId: string;
  readonly sessionId: string;
  /** Sends one frame's text to this socket alone. */
  send(text: string): void;
  /** From now on the socket gets what is published to the channel. */
  join(channel: string): void;
  /** Nothing that is published to the channel from now on reaches the socket. */
  leave(channel: string): void;
  close(code: number, reason: string): void;
}

/** Something beside the hub that keeps a state for each socket. */
export interface SocketPart {
  /** The socket has shown a newer token of its session: what was allowed before is asked again. */
  renew?(connection: Connection): Promise<void>;
  /** The socket has closed. */
  detach(connection: Connection): void;
}

/** Close codes of `frm.v1`; the code alone tells a client whether to come back. */
export const CloseCode = {
  drain: 4001,
  noHeartbeat: 4004,
  tokenExpired: 4005,
  unreadable: 4400,
  sessionEnded: 4401,
  noHello: 4408,
  replaced: 4409,
  tooManyRequests: 4029,
  restart: 4000,
} as const;
