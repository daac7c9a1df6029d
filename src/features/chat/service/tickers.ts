import { MAX_TICKERS } from "../schema/messages.ts";

/** A sign and a symbol that ends where no letter goes on; `$100` begins with no letter, and `US$A` inside a word. */
const CASHTAG =
  /(?<![\p{L}\p{N}_$])\$([a-z][a-z0-9]{0,9}(?:\.[a-z0-9]{1,4})?)(?![\p{L}\p{N}_$])/giu;
const MAX_LENGTH = 10;
const ADDRESS = /:\/\/|^www\.|^[\w-]+(?:\.[\w-]+)+\//i;

/** The securities that a text names by `$` and their symbol, each once and in upper case; addresses name none. */
export function findTickers(body: string): string[] {
  const found = new Set<string>();
  // Most messages have none, and this is done for each of them.
  if (!body.includes("$")) return [];
  for (const [word] of body.matchAll(/\S+/g)) {
    if (!word.includes("$") || ADDRESS.test(word)) continue;
    for (const [, symbol = ""] of word.matchAll(CASHTAG))
      if (symbol.length <= MAX_LENGTH) found.add(symbol.toUpperCase());
    if (found.size >= MAX_TICKERS) break;
  }
  return [...found].slice(0, MAX_TICKERS);
}
