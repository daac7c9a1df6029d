import type { TSchema } from "@sinclair/typebox/type";
import fc from "fast-check";

import { MAX_FRAME_BYTES } from "../../src/platform/realtime/limits.ts";
import { calmBody, hostileBody, MARK } from "./fuzz_values.ts";
import type { Schema } from "./json_schema.ts";

/** One message of a fuzz, and the numbers that it is to be answered by: each exactly once. */
export interface FuzzMessage {
  payload: string | Uint8Array<ArrayBuffer>;
  numbers: number[];
}

export interface FrameFuzzOptions {
  /** Every frame that a client may send, by its type. */
  schemas: Record<string, TSchema>;
  /** By the name of a field, what stands for something real. */
  words: Record<string, string[]>;
  seed: number;
  frames: number;
}

/** Texts that are made anew from the schemas; the rest are mutations of these, which cost nearly nothing. */
const MADE_TEXTS = 1_500;
const MAX_MUTATIONS = 3;
/** So large that no frame has one of its own by chance. */
const FIRST_NUMBER = 1_000_000_000_000;
/** The largest batch that is taken; a larger one is refused as a whole. */
const BATCH = 64;

/** Frames by their schemas, bent and broken, one by one and in batches. Always the same ones for one seed. */
export function* fuzzFrames(options: FrameFuzzOptions): Generator<FuzzMessage> {
  const { seed, frames } = options;
  const texts = makeTexts(options);
  const random = createRandom(seed);
  const pick = <T>(list: T[]): T => list[random(list.length)] as T;
  let number = FIRST_NUMBER;
  for (let made = 0; made < frames;) {
    const size = random(4) > 0 ? 1 : random(40) === 0 ? BATCH + random(2) : 1 + random(6);
    const parts = Array.from({ length: size }, () => {
      const text = bend(pick(texts), random);
      return random(4) === 0 ? { text } : numbered(text, (number += 1));
    });
    made += size;
    const isBatch = size > 1 || random(10) === 0;
    const message = messageOf(parts, { isBatch, isBinary: random(50) === 0 });
    // Too long a message ends the socket, and with it whatever else was asked.
    if (Buffer.byteLength(message.payload) <= MAX_FRAME_BYTES || random(50) === 0) yield message;
  }
}

interface Part {
  text: string;
  number?: number;
}

function messageOf(
  parts: Part[],
  { isBatch, isBinary }: { isBatch: boolean; isBinary: boolean },
): FuzzMessage {
  const text = isBatch ? `[${parts.map((part) => part.text).join(",")}]` : (parts[0]?.text ?? "");
  if (isBinary) return { payload: Buffer.from(text), numbers: [] };
  // A batch in which one part is no JSON is none as a whole, and so is one that is too long.
  const isWhole = parts.length <= BATCH && isJson(text);
  const numbers = isWhole ? parts.flatMap((part) => part.number ?? []) : [];
  return { payload: text, numbers };
}

function makeTexts({ schemas, words, seed }: FrameFuzzOptions): string[] {
  const ids = words["id"] ?? [];
  const vocabulary = { schemas: {}, words, ids };
  const bodies = Object.entries(schemas).flatMap(([type, schema]) => {
    const shape = schema as unknown as Schema;
    // A bad token is refused a few times only, and then ends the socket: few of them leave time for others.
    const weight = type === "tok" ? 1 : 6;
    return [
      { weight, arbitrary: calmBody(shape, vocabulary) },
      { weight: weight * 2, arbitrary: hostileBody(shape, vocabulary) },
    ];
  });
  const any = { weight: 5, arbitrary: fc.json() };
  return fc.sample(fc.oneof(...bodies, any), { seed, numRuns: MADE_TEXTS });
}

/** The frame under a number that no other has; a text that is no frame stays as it is. */
function numbered(text: string, number: number): Part {
  if (!isJson(text)) return { text };
  const value = JSON.parse(text) as unknown;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { text };
  // Behind all others, so that it counts; and in text, so that what is odd about the others stays.
  const body = text.trim().replace(/\s*\}$/, "");
  const comma = body.endsWith("{") ? "" : ",";
  const made = `${body}${comma}"i":${number}}`;
  return isJson(made) ? { text: made, number } : { text };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

type Random = (below: number) => number;

const SNIPPETS = [`"`, "{", "}", "[", "]", ",", ":", "\\", "\u0000", "\ud800", "e\u0301", MARK];

/** Mostly still JSON: what is none is refused before anybody looks at it, and a batch with it as a whole. */
function bend(text: string, random: Random): string {
  if (random(3) === 0) return text;
  const bent = mutate(text, random);
  return isJson(bent) || random(8) === 0 ? bent : text;
}

/** Cuts, doubles, swaps or puts in a little, as a broken client or a curious person does. */
function mutate(text: string, random: Random): string {
  let bent = text;
  for (let left = 1 + random(MAX_MUTATIONS); left > 0; left -= 1) {
    const [at, length] = [random(bent.length + 1), random(8)];
    const [head, piece, tail] = [
      bent.slice(0, at),
      bent.slice(at, at + length),
      bent.slice(at + length),
    ];
    const snippet = SNIPPETS[random(SNIPPETS.length)] ?? "";
    const digit = String(random(10));
    const ways = [head + tail, head + piece + piece + tail, head + snippet + tail];
    // Inside of a value, so that many of them are still JSON.
    const digits = bent.replace(/\d/, digit);
    bent = [...ways, digits, digits, bent.replace(/[a-z]{2,}/, MARK)][random(6)] ?? bent;
  }
  return bent;
}

/** A small generator of numbers (mulberry32), because a failure has to come again with its seed. */
function createRandom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) % below;
  };
}
