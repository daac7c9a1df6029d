import { call, type Person } from "./client.ts";

export interface ChangesOptions {
  /** Each conversation with whom it belongs to. */
  owned: { conversationId: string; owner: Person }[];
  pickUrl: () => string | undefined;
}

/** What happens in conversations beside their messages, and takes positions among them. */
export interface Changes {
  /** Called with how many messages have been sent. */
  advance: (sent: number) => void;
  /** How many of them were answered as done; more may be stored, whose answers were lost. */
  readonly done: number;
  settle: () => Promise<void>;
}

/** Messages from one change to the next. */
const EVERY = 100;

export function createChanges({ owned, pickUrl }: ChangesOptions): Changes {
  let begun = 0;
  let done = 0;
  let running = Promise.resolve();

  async function change(number: number): Promise<void> {
    const place = owned[number % owned.length];
    const url = pickUrl();
    if (!place || url === undefined) return;
    const { conversationId, owner } = place;
    const path = `${url}/v1/conversations/${conversationId}`;
    const body = { description: `change ${number}` };
    const { status } = await call("PATCH", path, { token: owner.token, body });
    if (status === 200) done += 1;
  }
  return {
    advance: (sent) => {
      for (; begun < Math.floor(sent / EVERY); begun += 1) {
        const number = begun;
        // Whether one that gets no answer has happened is for Postgres to say.
        running = running.then(() => change(number)).catch(() => undefined);
      }
    },
    get done() {
      return done;
    },
    settle: () => running,
  };
}
