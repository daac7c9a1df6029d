/** The client's side of RFC 6455, as far as a load needs it: cheap enough not to be what is measured. */

export const Opcode = { text: 1, close: 8, ping: 9, pong: 10 } as const;

/** Payloads from this length on have a longer header; no message of the benches is shorter, no control frame longer. */
export const LONG_FRAME_BYTES = 126;
const LONGEST_SHORT = 65_535;
const FINAL = 0x80;
const MASKED = 0x80;
const MASK_BYTES = 4;

/** The request that turns a connection into a WebSocket. */
export function upgradeRequest(
  port: number,
  path: string,
  subprotocol: string | undefined,
): string {
  return [
    `GET ${path} HTTP/1.1`,
    `host: localhost:${port}`,
    "connection: upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    `sec-websocket-key: ${crypto.getRandomValues(new Uint8Array(16)).toBase64()}`,
    ...(subprotocol === undefined ? [] : [`sec-websocket-protocol: ${subprotocol}`]),
    "\r\n",
  ].join("\r\n");
}

/** One whole frame. A mask of zeros is valid, costs the server the same, and costs us nothing. */
export function encodeFrame(opcode: number, payload: string | Buffer): Buffer {
  const length = Buffer.byteLength(payload);
  if (length > LONGEST_SHORT) throw new Error(`Cannot send ${length} bytes: the frame is too long`);
  const isLong = length >= LONG_FRAME_BYTES;
  const start = (isLong ? 4 : 2) + MASK_BYTES;
  const frame = Buffer.alloc(start + length);
  frame[0] = FINAL | opcode;
  frame[1] = MASKED | (isLong ? LONG_FRAME_BYTES : length);
  if (isLong) frame.writeUInt16BE(length, 2);
  if (typeof payload === "string") frame.write(payload, start);
  else payload.copy(frame, start);
  return frame;
}

/** Where a frame's payload is in the bytes that came. */
export interface FramePlace {
  opcode: number;
  start: number;
  end: number;
}

/** Hands over every whole frame in the bytes. @returns how many bytes they took; the rest is the begin of another. */
export function eachFrame(bytes: Buffer, take: (place: FramePlace) => void): number {
  let at = 0;
  const place = { opcode: 0, start: 0, end: 0 };
  while (at + 2 <= bytes.length) {
    let length = (bytes[at + 1] ?? 0) & 0x7f;
    let start = at + 2;
    if (length === LONG_FRAME_BYTES) {
      if (start + 2 > bytes.length) break;
      length = bytes.readUInt16BE(start);
      start += 2;
    } else if (length > LONG_FRAME_BYTES) {
      throw new Error("Cannot read a frame: it is longer than any that was sent");
    }
    if (start + length > bytes.length) break;
    // One object for all of them: there are hundreds of thousands a second.
    place.opcode = (bytes[at] ?? 0) & 0x0f;
    place.start = start;
    place.end = start + length;
    take(place);
    at = place.end;
  }
  return at;
}
