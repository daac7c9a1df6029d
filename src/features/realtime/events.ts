import type { TopicKinds } from "../../platform/realtime/topics.ts";
import { Ticker } from "./schema.ts";

/**
 * Listed symbols are short: letters of the exchange's own alphabet, digits for warrants and futures, and a point before
 * a class of shares. Whatever a message names as one can be followed.
 */
const SYMBOL = /^[A-Z0-9][A-Z0-9.]{0,11}$/;

/** ticker:<symbol> */
export const REALTIME_TOPICS: TopicKinds = {
  // Prices are the same for everybody who is signed in, and only they have a socket.
  ticker: { mode: "latest", data: Ticker, name: SYMBOL, authorise: async () => true },
};
