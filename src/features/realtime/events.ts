import type { TopicKinds } from "../../platform/realtime/topics.ts";
import { Ticker } from "./schema.ts";

/** Listed symbols are short: letters of the exchange's own alphabet, and digits for warrants and futures. */
const SYMBOL = /^[A-Z0-9]{1,12}$/;

/** ticker:<symbol> */
export const REALTIME_TOPICS: TopicKinds = {
  // Prices are the same for everybody who is signed in, and only they have a socket.
  ticker: { mode: "latest", data: Ticker, name: SYMBOL, authorise: async () => true },
};
