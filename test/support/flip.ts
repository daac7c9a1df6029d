const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BITS = 6;

/** How many bits a text has, those of the last letters included that stand for no byte. */
export function countBits(text: string): number {
  return placesOf(text).length * BITS;
}

/** The text with one bit of one of its letters of base64url turned over; what is none of them stays. */
export function flip(text: string, bit: number): string {
  const places = placesOf(text);
  const at = places[Math.floor(bit / BITS) % places.length] ?? 0;
  const turned = LETTERS.indexOf(text[at] ?? "A") ^ (1 << (bit % BITS));
  return text.slice(0, at) + (LETTERS[turned] ?? "A") + text.slice(at + 1);
}

function placesOf(text: string): number[] {
  return Array.from(text).flatMap((letter, at) => (LETTERS.includes(letter) ? [at] : []));
}
