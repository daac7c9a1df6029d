import { type SQL, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { type Found, MAX_SEARCH_PIECES, NothingToSearch } from "../schema/search.ts";
import { assertMember } from "./members.ts";
import { readMessageRow, toMessage } from "./message_rows.ts";
import { judge, type Judged, type Wanted } from "./search_snippet.ts";
import { listWords, parseQuery, type Piece } from "./search_words.ts";

export interface SearchInput {
  userId: string;
  q: string;
  conversationId?: string;
  /** Who has sent it. */
  from?: string;
  after?: string;
  before?: string;
  sort?: "newest" | "best";
  limit: number;
  cursor?: string;
}

/** Of which the best ones are picked; more are found by their time. */
const MAX_RANKED = 200;
/** A shorter one is a word: as a beginning it would stand in most of all messages, and say nothing. */
const MIN_STEM_CHARACTERS = 3;
/** What the index keeps of a word; longer ones are held against the text itself. */
const INDEXED_CHARACTERS = 32;

/** What is looked for, as `app.find_messages` takes it. */
interface Terms extends Wanted {
  phrases: string[];
  excluded: string[];
}

type Hit = Omit<Found, "snippet" | "exact"> & Judged;

/**
 * Messages that hold all that is looked for, among those that the user may read now.
 * @throws AppError nothing_to_search for a query without a word, not_found for who is not in the conversation.
 */
export async function searchMessages(
  platform: Platform,
  input: SearchInput,
): Promise<{ items: Found[]; page: { nextCursor: string | null; limit: number } }> {
  const { userId, limit, cursor, sort = "newest" } = input;
  const scope = `search ${userId} ${JSON.stringify([input.q, input.conversationId, input.from, input.after, input.before, sort])}`;
  const [newest, skip = 0] = cursor === undefined ? [] : platform.cursors.decode(scope, cursor);
  const pieces = parseQuery(input.q);
  if (pieces.length > MAX_SEARCH_PIECES) throw nothingToSearch();
  const amount = sort === "best" ? MAX_RANKED : limit + 1;
  const found = await platform.db.run({ role: "app", userId }, async (tx) => {
    if (input.conversationId !== undefined) await assertMember(tx, input.conversationId);
    const terms = await termsOf(tx, pieces);
    const rows = await find(tx, { ...input, terms, newest, amount });
    return rows.map((row) => toHit(row, terms));
  });
  const { items, position } =
    sort === "best" ? bestOf(found, Number(skip), limit) : newestOf(found, limit);
  const nextCursor = position ? platform.cursors.encode(scope, position) : null;
  return { items: items.map(toFound), page: { nextCursor, limit } };
}

interface HitPage {
  items: Hit[];
  /** Where the next page begins, where there is one. */
  position: (string | number)[] | undefined;
}

/** The next page begins with the next one. */
function newestOf(found: Hit[], limit: number): HitPage {
  const next = found[limit];
  return { items: found.slice(0, limit), position: next && [next.message.id] };
}

/** All pages pick from the same ones, so that what is said meanwhile moves nothing. */
function bestOf(found: Hit[], skip: number, limit: number): HitPage {
  const end = skip + limit;
  const top = found[0]?.message.id ?? "";
  const ranked = found.toSorted(byFit);
  return {
    items: ranked.slice(skip, end),
    position: end < ranked.length ? [top, end] : undefined,
  };
}

function nothingToSearch(): AppError {
  return new AppError(NothingToSearch, "Cannot search: there is no word, or too many");
}

/** Words are folded by the database, as those in its index were. @throws AppError nothing_to_search. */
async function termsOf(tx: Transaction, pieces: Piece[]): Promise<Terms> {
  const texts = JSON.stringify(pieces.map(({ text }) => text));
  const rows = await tx.execute<{ words: string }>(sql`
    select app.search_words(piece) as words
    from jsonb_array_elements_text(${texts}::jsonb) with ordinality as given (piece, at) order by at`);
  const terms: Terms = {
    words: new Set(),
    stem: undefined,
    typed: [],
    typedStem: undefined,
    phrases: [],
    excluded: [],
  };
  pieces.forEach((piece, at) => {
    const words = rows[at]?.words.split(" ").filter((word) => word !== "") ?? [];
    if (words.length === 0) return;
    if (piece.isExcluded) terms.excluded.push(`% ${words.join(" ")} %`);
    else addPiece(terms, words, { ...piece, isLast: at === pieces.length - 1 });
  });
  if (terms.words.size === 0 && terms.stem === undefined) throw nothingToSearch();
  return terms;
}

function addPiece(terms: Terms, words: string[], piece: Piece & { isLast: boolean }): void {
  const last = words.at(-1) ?? "";
  const isStem = piece.isLast && !piece.isQuoted && last.length >= MIN_STEM_CHARACTERS;
  const typed = listWords(piece.text).map((word) => word.typed);
  const isPhrase = words.length > 1 || words.some((word) => word.length > INDEXED_CHARACTERS);
  if (isPhrase) terms.phrases.push(`% ${words.join(" ")}${isStem ? "%" : " %"}`);
  if (isStem) {
    terms.stem = words.pop();
    terms.typedStem = typed.pop();
  }
  for (const word of words) terms.words.add(word);
  terms.typed.push(...typed);
}

interface Row extends Record<string, unknown> {
  message: Record<string, unknown>;
}

/** What the function finds is read under the policies, like any message. */
async function find(
  tx: Transaction,
  input: SearchInput & { terms: Terms; newest: string | number | undefined; amount: number },
): Promise<Row[]> {
  const { terms, conversationId, from, after, before, newest, amount } = input;
  return await tx.execute<Row>(sql`
    select to_jsonb(m) as message
    from app.find_messages(
      ${conversationId ?? null}::uuid, ${list([...terms.words])}, ${terms.stem ?? null}::text,
      ${list(terms.phrases)}, ${list(terms.excluded)}, ${from?.toLowerCase() ?? null}::uuid,
      ${after ?? null}::timestamptz, ${before ?? null}::timestamptz, ${newest ?? null}::uuid, ${amount}::integer
    ) f
    join app.messages m on m.conversation_id = f.conversation_id and m.seq = f.seq and m.deleted_at is null
    order by m.id desc`);
}

/** A list of texts as one parameter. */
function list(texts: string[]): SQL {
  return sql`array(select jsonb_array_elements_text(${JSON.stringify(texts)}::jsonb))`;
}

function toHit(row: Row, terms: Terms): Hit {
  const message = readMessageRow(row.message);
  const { conversationId } = message;
  return { conversationId, message: toMessage(message), ...judge(message.body, terms) };
}

function toFound({ conversationId, message, snippet, exact }: Hit): Found {
  return { conversationId, message, snippet, exact };
}

/** As typed first, then what says little else; what is equal keeps its order, the newest first. */
function byFit(one: Hit, other: Hit): number {
  return Number(other.exact) - Number(one.exact) || other.share - one.share;
}
