import type { TopicsEnded, TopicsFollowed } from "./contract.ts";
import type { ErrorFrame, TopicFrame } from "./frames.ts";

/** What a topic holds now. Only the latest value matters, so some are left out when there are many. */
export interface TopicValue {
  topic: string;
  data: unknown;
  /** The server's time of the value, in milliseconds since 1970. */
  at: number;
}

/** Called with each value; undefined once, when the topic may not be followed, or not any longer. */
export type TopicListener = (value: TopicValue | undefined) => void;

export interface TopicsOptions {
  /** Sends a frame now and answers its number; undefined while there is no connection. */
  post: (frame: { t: "sub" | "unsub"; ch: string[] }) => number | undefined;
  /** Called when one more attempt makes sense a little later. */
  retryLater: () => void;
}

interface Topic {
  listeners: Set<TopicListener>;
  /** The value that came last, for whoever listens from then on. */
  last?: TopicValue;
}

/** As many as the server lets one socket follow. */
const MAX_TOPICS = 200;
/** As many as it reads in one frame. */
const MAX_IN_FRAME = 100;

/** The topics that somebody listens to; after each reconnection the server is asked for them again. */
export class Topics {
  readonly #options: TopicsOptions;
  readonly #topics = new Map<string, Topic>();
  /** Topics that have been asked for on this connection, by the number of the frame. */
  readonly #requests = new Map<number, string[]>();
  readonly #asked = new Set<string>();
  /** Topics that were refused together with others, and so are asked for alone. */
  readonly #suspects = new Set<string>();

  constructor(options: TopicsOptions) {
    this.#options = options;
  }

  /** Calls the listener until the function that this answers is called. */
  add(topic: string, listener: TopicListener): () => void {
    const entry = this.#topics.get(topic) ?? { listeners: new Set() };
    if (!this.#topics.has(topic) && this.#topics.size >= MAX_TOPICS)
      throw new Error(`Cannot follow "${topic}": ${MAX_TOPICS} topics are followed already`);
    // One function may be added twice, and each time is taken away by itself.
    const own: TopicListener = (value) => listener(value);
    entry.listeners.add(own);
    this.#topics.set(topic, entry);
    const { last } = entry;
    // Not in this turn, so that the caller has the way out before the first value.
    if (last) queueMicrotask(() => entry.listeners.has(own) && own(last));
    // Those that are added in one turn, as a page does, are asked for in one frame.
    else queueMicrotask(() => this.flush());
    return () => this.#remove(topic, own);
  }

  /** Asks for what was not asked for on this connection. */
  flush(): void {
    const open = [...this.#topics.keys()].filter((topic) => !this.#asked.has(topic));
    const together = open.filter((topic) => !this.#suspects.has(topic));
    const alone = open.filter((topic) => this.#suspects.has(topic));
    const frames = [...chunk(together), ...alone.map((topic) => [topic])];
    for (const ch of frames) {
      const number = this.#options.post({ t: "sub", ch });
      if (number === undefined) return;
      this.#requests.set(number, ch);
      for (const topic of ch) this.#asked.add(topic);
    }
  }

  /** Takes what the topics hold at the moment. */
  begin({ i = 0, ch }: TopicsFollowed): void {
    this.#requests.delete(i);
    for (const [topic, value] of Object.entries(ch)) {
      this.#suspects.delete(topic);
      if (value) this.take({ t: "top", ch: topic, d: value.d, ts: value.ts });
    }
  }

  take({ ch: topic, d: data, ts: at }: TopicFrame): void {
    const entry = this.#topics.get(topic);
    if (!entry || (entry.last && entry.last.at > at)) return;
    entry.last = { topic, data, at };
    this.#tell(entry, entry.last);
  }

  end({ ch }: TopicsEnded): void {
    for (const topic of ch) this.#drop(topic);
  }

  /** Takes a refusal; false when it is not about topics. */
  refuse({ i = 0, retry }: ErrorFrame): boolean {
    const topics = this.#requests.get(i);
    if (!topics) return false;
    this.#requests.delete(i);
    if (!retry && topics.length === 1) for (const topic of topics) this.#drop(topic);
    else {
      for (const topic of topics) this.#asked.delete(topic);
      if (retry) this.#options.retryLater();
      else {
        // One of them is not for us, and nobody has said which.
        for (const topic of topics) this.#suspects.add(topic);
        this.flush();
      }
    }
    return true;
  }

  /** The connection is gone, and what was followed on it. */
  disconnect(): void {
    this.#requests.clear();
    this.#asked.clear();
  }

  #drop(topic: string): void {
    const entry = this.#topics.get(topic);
    this.#topics.delete(topic);
    this.#asked.delete(topic);
    this.#suspects.delete(topic);
    if (entry) this.#tell(entry, undefined);
  }

  #remove(topic: string, listener: TopicListener): void {
    const entry = this.#topics.get(topic);
    if (!entry?.listeners.delete(listener) || entry.listeners.size > 0) return;
    this.#topics.delete(topic);
    this.#suspects.delete(topic);
    if (this.#asked.delete(topic)) this.#options.post({ t: "unsub", ch: [topic] });
  }

  #tell({ listeners }: Topic, value: TopicValue | undefined): void {
    for (const listener of listeners) {
      try {
        listener(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

function chunk(topics: string[]): string[][] {
  const count = Math.ceil(topics.length / MAX_IN_FRAME);
  return Array.from({ length: count }, (_, at) =>
    topics.slice(at * MAX_IN_FRAME, (at + 1) * MAX_IN_FRAME),
  );
}
