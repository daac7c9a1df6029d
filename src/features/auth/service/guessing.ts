import { COMMON_WORDS, WALKS } from "./common_words.ts";

/** The folded form of a password is looked at as far as this; what goes on for longer is not guessed. */
const MAX_EXAMINED = 128;
/** Shorter matches of a row or a walk say nothing. */
const MIN_RUN = 3;

/** What a piece adds to the work of guessing, in bits: the logarithm of how many pieces of its kind are in use. */
const WORD_BITS = Math.log2(COMMON_WORDS.length);
const OWN_WORD_BITS = 2;
const WALK_BITS = 7;
const RUN_BITS = 4;
const YEAR_BITS = 7;
const SHORT_DATE_BITS = 15;
const DATE_BITS = 17;
const REPEAT_BITS = 1;
const LOOK_ALIKE_BITS = 1;
const LETTER_BITS = Math.log2(26);
const DIGIT_BITS = Math.log2(10);
const USUAL_SIGN_BITS = 3;
const OTHER_BITS = 5;

/** Signs and digits that stand for the letters behind them. */
const LOOK_ALIKES: Record<string, string> = {
  "0": "o",
  "1": "il",
  "2": "z",
  "3": "e",
  "4": "a",
  "5": "s",
  "6": "gb",
  "7": "t",
  "8": "b",
  "9": "g",
  "@": "a",
  $: "s",
  "!": "il",
  "|": "il",
  "+": "t",
  "(": "c",
};

const YEAR = "(?:19[3-9]|20[0-4])\\d";
const DAY = "(?:0[1-9]|[12]\\d|3[01])";
const MONTH = "(?:0[1-9]|1[0-2])";
const GAP = "[./-]?";
const DATES: { pattern: RegExp; bits: number }[] = [
  { pattern: new RegExp(YEAR, "y"), bits: YEAR_BITS },
  ...[DAY + GAP + MONTH, MONTH + GAP + DAY].flatMap((day) => [
    { pattern: new RegExp(day + GAP + YEAR, "y"), bits: DATE_BITS },
    { pattern: new RegExp(`${YEAR}${GAP}${day}`, "y"), bits: DATE_BITS },
    { pattern: new RegExp(`${day}${GAP}\\d\\d`, "y"), bits: SHORT_DATE_BITS },
  ]),
];
const ALL_WALKS = [...WALKS, ...WALKS.map((walk) => Array.from(walk).toReversed().join(""))];
const WORDS_BY_INITIAL = Map.groupBy(COMMON_WORDS, initial);

/** A guess at what comes next in the text: so many characters, for so many bits. */
type Piece = [length: number, bits: number];

/** How somebody would type the text who leaves out marks, capitals and spaces: "Mật khẩu" is "matkhau". */
export function fold(text: string): string {
  return text
    .normalize("NFKD")
    .replaceAll(/[\p{M}\s]/gu, "")
    .toLowerCase()
    .replaceAll("đ", "d");
}

/**
 * About how many bits of guessing a password withstands from somebody who tries the usual pieces first, and knows the
 * owner's own words, given folded. It is the cheapest way to put the password together: zxcvbn's idea, with few rules.
 */
export function estimateGuessBits(password: string, ownWords: readonly string[]): number {
  const text = fold(password).slice(0, MAX_EXAMINED);
  const least = Array.from({ length: text.length + 1 }, () => Infinity);
  least[0] = 0;
  for (let at = 0; at < text.length; at += 1) {
    const before = least[at] ?? Infinity;
    for (const [length, bits] of piecesAt(text, at, ownWords))
      least[at + length] = Math.min(least[at + length] ?? Infinity, before + bits);
  }
  return (least[text.length] ?? 0) + capitalBits(password);
}

function piecesAt(text: string, at: number, ownWords: readonly string[]): Piece[] {
  const typed = text[at] ?? "";
  const common = Array.from(typed + (LOOK_ALIKES[typed] ?? "")).flatMap(
    (letter) => WORDS_BY_INITIAL.get(letter) ?? [],
  );
  return [
    [1, characterBits(typed)],
    ...wordsAt(text, at, { words: common, bits: WORD_BITS }),
    ...wordsAt(text, at, { words: ownWords, bits: OWN_WORD_BITS }),
    ...runsAt(text, at),
    ...walksAt(text, at),
    ...datesAt(text, at),
    ...repeatsAt(text, at),
  ];
}

function characterBits(character: string): number {
  if (/[a-z]/.test(character)) return LETTER_BITS;
  if (/\d/.test(character)) return DIGIT_BITS;
  return "!@#$*._-?".includes(character) ? USUAL_SIGN_BITS : OTHER_BITS;
}

function initial(word: string): string {
  return word[0] ?? "";
}

function wordsAt(
  text: string,
  at: number,
  { words, bits }: { words: readonly string[]; bits: number },
): Piece[] {
  return words
    .filter((word) => resembles(text, at, word))
    .map((word) => [word.length, text.startsWith(word, at) ? bits : bits + LOOK_ALIKE_BITS]);
}

function resembles(text: string, at: number, word: string): boolean {
  if (at + word.length > text.length) return false;
  for (let index = 0; index < word.length; index += 1) {
    const [typed = "", meant = ""] = [text[at + index], word[index]];
    if (typed !== meant && !LOOK_ALIKES[typed]?.includes(meant)) return false;
  }
  return true;
}

/** Characters that follow each other in the alphabet or in counting, in steps of one or two: "abcd", "9876", "2468". */
function runsAt(text: string, at: number): Piece[] {
  const step = text.charCodeAt(at + 1) - text.charCodeAt(at);
  if (step === 0 || !(Math.abs(step) <= 2)) return [];
  const pieces: Piece[] = [];
  for (let end = at + 2; text.charCodeAt(end) - text.charCodeAt(end - 1) === step; end += 1)
    pieces.push([end + 1 - at, RUN_BITS]);
  return pieces;
}

function walksAt(text: string, at: number): Piece[] {
  const pieces: Piece[] = [];
  for (let end = at + MIN_RUN; end <= text.length; end += 1) {
    const part = text.slice(at, end);
    if (!ALL_WALKS.some((walk) => walk.includes(part))) break;
    pieces.push([end - at, WALK_BITS]);
  }
  return pieces;
}

function datesAt(text: string, at: number): Piece[] {
  return DATES.flatMap(({ pattern, bits }): Piece[] => {
    pattern.lastIndex = at;
    const [found] = pattern.exec(text) ?? [];
    return found === undefined ? [] : [[found.length, bits]];
  });
}

/** What has just been written once more: doubled words, and single characters held down. */
function repeatsAt(text: string, at: number): Piece[] {
  const pieces: Piece[] = [];
  for (let length = 1; length <= at && at + length <= text.length; length += 1)
    if (text.startsWith(text.slice(at - length, at), at)) pieces.push([length, REPEAT_BITS]);
  return pieces;
}

/** Capitals in the usual places, or everywhere, are guessed soon; those among small letters take longer. */
function capitalBits(password: string): number {
  const capitals = password.match(/\p{Lu}/gu)?.length ?? 0;
  const small = password.match(/\p{Ll}/gu)?.length ?? 0;
  return capitals === 0 ? 0 : Math.max(1, Math.min(capitals, small));
}
