import type { Found } from "../schema/search.ts";
import { listWords, type Word } from "./search_words.ts";

/** What a text is held against: folded, and as it was typed. */
export interface Wanted {
  words: Set<string>;
  /** The beginning of a word, where the last one need not be whole. */
  stem: string | undefined;
  typed: string[];
  typedStem: string | undefined;
}

const SNIPPET_UNITS = 160;
/** Of which this much stands before the first word that was found. */
const LEAD_UNITS = 40;

export interface Judged {
  snippet: Found["snippet"];
  exact: boolean;
  /** How much of the text is what was looked for, from 0 to 1. */
  share: number;
}

/** Where in a text the words are that were looked for, and how well it fits. */
export function judge(text: string, wanted: Wanted): Judged {
  const words = listWords(text);
  const hits = words.filter(
    ({ folded }) =>
      wanted.words.has(folded) || (wanted.stem !== undefined && folded.startsWith(wanted.stem)),
  );
  return {
    snippet: cut(text, words, hits),
    exact: isExact(words, wanted),
    share: words.length === 0 ? 0 : hits.length / words.length,
  };
}

function isExact(words: Word[], { typed, typedStem }: Wanted): boolean {
  const said = new Set(words.map((word) => word.typed));
  const isStemThere =
    typedStem === undefined || words.some((word) => word.typed.startsWith(typedStem));
  return isStemThere && typed.every((word) => said.has(word));
}

/** Begins and ends between words, where there is any. */
function cut(text: string, words: Word[], hits: Word[]): Found["snippet"] {
  const from = Math.max(0, (hits[0]?.start ?? 0) - LEAD_UNITS);
  const offset = from === 0 ? 0 : (words.find(({ start }) => start >= from)?.start ?? 0);
  const limit = offset + SNIPPET_UNITS;
  const last = words.findLast(({ end }) => end > offset && end <= limit)?.end ?? limit;
  const end = text.length <= limit ? text.length : wholeCharacters(text, last);
  const marks = hits
    .filter((word) => word.end <= end)
    .map((word) => ({ start: word.start - offset, end: word.end - offset }));
  return { text: text.slice(offset, end), offset, marks };
}

/** An end that splits no pair of units. */
function wholeCharacters(text: string, end: number): number {
  return text.slice(0, end).isWellFormed() ? end : end - 1;
}
