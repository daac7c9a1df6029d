/** Sends texts to all sockets in a channel. */
export interface Broadcast {
  /**
   * What comes for one channel in one go travels as one text: a socket costs as much for a text as for many frames in it.
   * Nothing waits longer than the present turn of the event loop lasts.
   */
  publish: (channel: string, frame: string) => void;
  /** Sends what has come in this turn: called before a socket comes into a channel or leaves it. */
  flush: () => void;
}

interface Batch {
  frames: string[];
  length: number;
}

/** Frames in one text, as many as a client may send. */
export const MAX_FRAMES = 64;
/** In UTF-16 units. Few large texts cost a socket less than many small ones; of these, its buffer still has room for 16. */
export const MAX_LENGTH = 61_440;

/** @param send sends one text to every local socket in the channel. */
export function createBroadcast(send: (channel: string, text: string) => void): Broadcast {
  const batches = new Map<string, Batch>();

  function flush(): void {
    for (const [channel, { frames }] of batches) send(channel, textOf(frames));
    batches.clear();
  }
  return {
    publish: (channel, frame) => {
      if (batches.size === 0) queueMicrotask(flush);
      const batch = batches.get(channel);
      if (!batch) return void batches.set(channel, { frames: [frame], length: frame.length });
      if (batch.frames.length >= MAX_FRAMES || batch.length + frame.length > MAX_LENGTH) {
        send(channel, textOf(batch.frames));
        batch.frames = [];
        batch.length = 0;
      }
      batch.frames.push(frame);
      batch.length += frame.length;
    },
    flush,
  };
}

function textOf(frames: string[]): string {
  return frames.length === 1 ? (frames[0] ?? "") : `[${frames.join(",")}]`;
}
