/** A word of a text, with where it stands there in UTF-16 units. */
export interface Word {
  start: number;
  end: number;
  /** Without case and marks, as `app.search_words` has it. */
  folded: string;
  /** In lower case, with its marks. */
  typed: string;
}

/** What the database takes out between words; the two are held together by a test. */
const BETWEEN =
  /[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u2bff\u3000-\u303f\u{1f000}-\u{1faff}]|[\ufe00-\ufe0f]/u;
const MARKS = /[\u0300-\u036f]+/g;

/** One piece of what somebody looks for. */
export interface Piece {
  text: string;
  isExcluded: boolean;
  /** Whether it stood in quotes, so that its last word is a whole one. */
  isQuoted: boolean;
}

const PIECE = /(-?)(?:"([^"]*)"?|(\S+))/g;

/** The pieces of a query, in their order. */
export function parseQuery(query: string): Piece[] {
  return [...query.matchAll(PIECE)].map(([, minus, quoted, bare = ""]) => ({
    text: quoted ?? bare,
    isExcluded: minus === "-",
    isQuoted: quoted !== undefined,
  }));
}

function fold(text: string): string {
  return text.normalize("NFKD").replace(MARKS, "").toLowerCase().replace(/[đĐ]/g, "d");
}

/** The words of a text, in their order. */
export function listWords(text: string): Word[] {
  const words: Word[] = [];
  let current: Word | undefined;
  let at = 0;
  for (const character of text) {
    const end = at + character.length;
    for (const part of fold(character) || (MARK.test(character) ? "" : " ")) {
      if (BETWEEN.test(part)) current = undefined;
      else if (current) current = extend(current, end, part);
      else words.push((current = { start: at, end, folded: part, typed: "" }));
    }
    if (current && MARK.test(character)) current.end = end;
    at = end;
  }
  for (const word of words)
    word.typed = text.slice(word.start, word.end).normalize("NFC").toLowerCase();
  return words;
}

const MARK = /^[\u0300-\u036f]$/;

function extend(word: Word, end: number, part: string): Word {
  word.end = end;
  word.folded += part;
  return word;
}
