import type { FieldError } from "./errors.ts";

/** Deeper or larger JSON than this has no use in our API and only costs time. */
const MAX_DEPTH = 16;
const MAX_NODES = 10_000;
/** C0 and C1 control characters, except tab, line feed and carriage return. */
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;
/** Names that would reach an object's prototype if somebody merged the input into another object. */
const PROTOTYPE_KEYS = new Set(["__proto__", "constructor", "prototype"]);

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Input that is refused before any schema is asked. */
export class UnfitText extends Error {
  override readonly name = "UnfitText";
  readonly field: FieldError;

  constructor(field: FieldError) {
    super(`Cannot take the input: ${field.code}`);
    this.field = field;
  }
}

/**
 * A copy of the input with every string in Unicode NFC, so that lengths and comparisons mean the same for everybody.
 * @throws UnfitText for control characters, broken Unicode, prototype keys, and input that is too deep or too large.
 */
export function normalizeInput(input: Json): Json {
  let nodes = 0;

  function walk(value: Json, pointer: string, depth: number): Json {
    nodes += 1;
    if (nodes > MAX_NODES || depth > MAX_DEPTH) throw unfit(pointer, "too_complex");
    if (typeof value === "string") return normalizeText(value, pointer);
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value))
      return value.map((item, index) => walk(item, `${pointer}/${index}`, depth + 1));
    const copy: Record<string, Json> = {};
    for (const [key, item] of Object.entries(value)) {
      // The key itself is the caller's text, so the pointer ends at its parent.
      if (PROTOTYPE_KEYS.has(key)) throw unfit(pointer, "unknown");
      copy[normalizeText(key, pointer)] = walk(item, childPointer(pointer, key), depth + 1);
    }
    return copy;
  }
  return walk(input, "", 0);
}

const knownFields = new Set<string>();

/** Declares names of our schemas: only such a name may be repeated in an answer, any other is the caller's text. */
export function declareFields(names: string[]): void {
  for (const name of names) knownFields.add(name);
}

function childPointer(pointer: string, key: string): string {
  return knownFields.has(key) ? `${pointer}/${key}` : pointer;
}

/** One string in NFC. @throws UnfitText as normalizeInput does. */
function normalizeText(text: string, pointer: string): string {
  if (CONTROL.test(text)) throw unfit(pointer, "control_character");
  if (!text.isWellFormed()) throw unfit(pointer, "broken_unicode");
  return text.normalize("NFC");
}

/** The length in characters of Unicode; `length` counts some of them twice. */
export function countCharacters(text: string): number {
  return Array.from(text).length;
}

/** A whole number in decimal digits; undefined for every other spelling that JavaScript would take for a number. */
export function parseInteger(text: string): number | undefined {
  return /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/**
 * Refuses a query that names a parameter twice, because a proxy and we may each believe another one.
 * @throws UnfitText.
 */
export function refuseRepeated(query: string): void {
  const names = new Set<string>();
  for (const name of new URLSearchParams(query).keys()) {
    if (names.has(name)) throw unfit(childPointer("", name), "repeated");
    names.add(name);
  }
}

const MESSAGES = {
  repeated: { en: "is given more than once", vi: "được gửi nhiều lần" },
  too_complex: {
    en: "is nested too deeply or has too many parts",
    vi: "có cấu trúc quá sâu hoặc quá nhiều phần",
  },
  unknown: { en: "has a field that is not known here", vi: "có trường không được hỗ trợ" },
  control_character: { en: "must not contain control characters", vi: "chứa ký tự điều khiển" },
  broken_unicode: { en: "must be valid Unicode", vi: "không phải Unicode hợp lệ" },
};

function unfit(pointer: string, code: keyof typeof MESSAGES): UnfitText {
  return new UnfitText({ pointer, code, message: MESSAGES[code] });
}
