import { t } from "elysia";

import { defineError } from "../../../platform/errors.ts";
import { Id, integer, object, page, PageQuery, text, Time } from "../../../platform/schema.ts";
import { Message } from "./messages.ts";

const MAX_QUERY_CHARACTERS = 200;
/** Words, phrases and excluded ones together; each is a look into an index for each conversation. */
export const MAX_SEARCH_PIECES = 20;

export const NothingToSearch = defineError("nothing_to_search", 422, {
  en: "Search for at least one word, and for fewer than twenty",
  vi: "Hãy tìm ít nhất một từ và không quá hai mươi từ",
});

const filters = {
  q: text(MAX_QUERY_CHARACTERS, {
    description:
      'Words that all have to be there; the last one may be the beginning of a word, from three letters on. `"two words"` stand side by side, ' +
      "and `-word` must not be there. Marks and case play no part in what is found.",
    examples: ['cổ phiếu "ngân hàng" -VNM'],
  }),
  from: t.Optional({ ...Id, description: "Only what this user has sent." }),
  after: t.Optional({ ...Time, description: "Only what was sent at that time or later." }),
  before: t.Optional({ ...Time, description: "Only what was sent before." }),
  sort: t.Optional(
    t.Union([t.Literal("newest"), t.Literal("best")], {
      default: "newest",
      description:
        "`best` puts first, of the newest 200, what has the words just as they were typed, marks included.",
    }),
  ),
  ...PageQuery.properties,
};
export const ConversationSearch = object(filters);
export const Search = object({
  ...filters,
  conversationId: t.Optional({ ...Id, description: "Only in this conversation." }),
});

const Mark = object(
  { start: { ...integer(0), examples: [5] }, end: { ...integer(0), examples: [12] } },
  {
    description: "A word that was found: UTF-16 units of the snippet's text, the end not included.",
  },
);

export const Found = object(
  {
    conversationId: Id,
    message: Message,
    snippet: object({
      text: t.String({
        description:
          "The part of the message with the first word that was found. It is plain text.",
        examples: ["Good morning"],
      }),
      offset: { ...integer(0), examples: [0] },
      marks: t.Array(Mark),
    }),
    exact: t.Boolean({ description: "Whether all words stand there as typed, marks included." }),
  },
  { title: "Found", description: "A message that a search has found." },
);
export type Found = typeof Found.static;
export const FoundPage = page(Found, { title: "FoundPage" });

/** What the API's document says about each operation. */
export const searchOperations = {
  searchMessages: {
    operationId: "searchMessages",
    summary: "Search my messages",
    description:
      "In all conversations in which the caller is now, what they may read there, as it says now. Nothing of what was " +
      "deleted is found.",
  },
  searchConversation: {
    operationId: "searchConversation",
    summary: "Search a conversation",
    description: "The same in one conversation.",
  },
};
