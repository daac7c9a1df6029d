import type { FramePlace } from "./websocket.ts";

/** A text with many events in it, and where each of them begins. */
interface Batch {
  bytes: Buffer;
  starts: number[];
}

/** Texts that other sockets are about to get as well. */
const MAX_KNOWN = 32;
const EVENT_START = '{"t":"ev"';
const BATCH_START = "[".charCodeAt(0);

/**
 * Finds the events in arrays of them. All sockets of an instance get the same bytes, so those are compared with what was
 * read before, which costs less than reading them again and misses nothing.
 */
export function createBatchReader(): (bytes: Buffer, place: FramePlace) => number[] {
  const known: Batch[] = [];
  let next = 0;
  return (bytes, { start, end }) => {
    for (const batch of known)
      if (batch.bytes.length === end - start && batch.bytes.compare(bytes, start, end) === 0)
        return batch.starts;
    const batch = { bytes: Buffer.from(bytes.subarray(start, end)), starts: [] as number[] };
    // Quotes within a text are escaped, so what begins an event never stands inside of one.
    for (let at = batch.bytes.indexOf(EVENT_START); at !== -1;) {
      batch.starts.push(at);
      at = batch.bytes.indexOf(EVENT_START, at + EVENT_START.length);
    }
    known[next] = batch;
    next = (next + 1) % MAX_KNOWN;
    return batch.starts;
  };
}

export function isBatch(bytes: Buffer, { start }: FramePlace): boolean {
  return bytes[start] === BATCH_START;
}
