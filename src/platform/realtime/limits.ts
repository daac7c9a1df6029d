/** Everything that bounds a socket stands here; what a client can keep to is told to it in `lim` of `hello.ok`. */

/** Largest frame that a client may send; Bun closes with 1009 beyond it. */
export const MAX_FRAME_BYTES = 65_536;
/** Frames in one message. */
export const MAX_BATCH = 64;
export const MAX_BODY_CHARACTERS = 4_000;
export const MAX_HELLO_CHARACTERS = 32_768;
export const MAX_TOKEN_CHARACTERS = 2_048;
/** Channels that one frame may tell the positions of. */
export const MAX_POSITIONS = 500;
/** Channels that one socket follows; a user in more of them gets the rest by reading. */
export const MAX_CHANNELS_PER_USER = 500;
/** Sockets of one user on one instance. */
export const MAX_SOCKETS_PER_USER = 20;

/** Topics that one socket follows, and how many of them one frame may name. */
export const MAX_TOPICS_PER_SOCKET = 200;
export const MAX_TOPICS_PER_FRAME = 100;
/** Channels that are on the screen of one socket. */
export const MAX_FOCUS = 20;

export const HELLO_TIMEOUT_MS = 5_000;
/** How often a client says that it is there. */
export const HEARTBEAT_MS = 25_000;
/** A client that has been silent for so long is gone, whatever TCP believes. */
export const SILENCE_MS = 60_000;

/** Messages of one socket that may wait for their turn; a client that sends more does not listen to its answers. */
export const MAX_WAITING = 2_048;
export const MAX_WAITING_BYTES = 4_194_304;

/** What may wait for a slow reader before its socket is closed and has to resume. */
export const SLOW_BYTES = 1_048_576;
/** Bun itself cuts a socket off here, which is only reached by more than a megabyte between two looks of ours. */
export const CUT_OFF_BYTES = 2_097_152;
/** From here on a slow reader gets no more of what may be lost. */
export const EPHEMERAL_BYTES = 65_536;
/** From here on the frames of a slow reader wait for their turn, so that what it asks for itself never closes it. */
export const HOLD_BYTES = 262_144;
/** The share of the machine's memory that all that waits, in and out, may take. */
export const MEMORY_SHARE = 0.25;

/** Times in a row that a socket may overstep its rate. */
export const MAX_VIOLATIONS = 3;
/** What is refused within this time is one violation; twice this time without one, and all are forgotten. */
export const VIOLATION_MS = 1_000;

/** So many a time in the long run, and so many at once. */
export interface Rate {
  count: number;
  perMs: number;
  burst: number;
}

/** The limits that LIMITS_SCALE multiplies. */
export interface Limits {
  /** Frames of one socket. */
  frames: Rate;
  /** Messages of one user, over all sockets, instances and HTTP. */
  sends: Rate;
  /** Searches of one user, over all instances: each may read much. */
  searches: Rate;
  /** New sockets from one address, on one instance. */
  connects: Rate;
  /** Sockets on one instance. */
  sockets: number;
}

/**
 * A client that comes back after days asks for each of its channels once, so the burst of frames is larger than the
 * number of channels; one that was offline has an outbox to empty.
 */
const LIMITS: Limits = {
  frames: { count: 200, perMs: 10_000, burst: 600 },
  sends: { count: 5, perMs: 1_000, burst: 100 },
  // As many as somebody types words into a field that searches while they type.
  searches: { count: 1, perMs: 1_000, burst: 30 },
  // Thousands of people may share the address of one mobile network.
  connects: { count: 100, perMs: 1_000, burst: 500 },
  sockets: 50_000,
};

export function scaleLimits(scale: number): Limits {
  const { frames, sends, searches, connects, sockets } = LIMITS;
  return {
    frames: scaleRate(frames, scale),
    sends: scaleRate(sends, scale),
    searches: scaleRate(searches, scale),
    connects: scaleRate(connects, scale),
    sockets: Math.max(1, Math.floor(sockets * scale)),
  };
}

function scaleRate({ count, perMs, burst }: Rate, scale: number): Rate {
  return { count: count * scale, perMs, burst: Math.max(1, Math.floor(burst * scale)) };
}
