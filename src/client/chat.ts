import type { Api } from "./api.ts";
import { backoffMs } from "./backoff.ts";
import {
  findConversation,
  listBlocked,
  listConversations,
  listMembers,
  listMessages,
  listReads,
} from "./chat_reader.ts";
import type { ChatSocket } from "./chat_socket.ts";
import type { ChatEvent } from "./events.ts";
import { applyEvent, applyReset, applyUserEvent } from "./state/apply.ts";
import { type ChatState, emptyChat, forget, want } from "./state/chat_state.ts";
import { applyEphemeral, expireTyping } from "./state/moment.ts";
import { applyOutbox, dismiss } from "./state/own_outbox.ts";
import {
  addOlder,
  openWindow,
  pageOf,
  withBlocked,
  withConversations,
  withMembers,
  withReads,
} from "./state/snapshot.ts";

export interface ChatOptions {
  api: Api;
  socket: ChatSocket;
  /** Whose chat this is. */
  userId: string;
  /** What a server has read already for the first sight of a page. */
  first?: ChatState;
}

/** The state of a chat that follows its socket, and reads over HTTP what the socket does not tell. */
export interface Chat extends Disposable {
  readonly state: ChatState;
  /** Calls the listener after each change, at most once a turn, until the function that it answers is called. */
  subscribe(listener: () => void): () => void;
  /** Lists the conversations, the last active first. @throws ClientError */
  list(): Promise<void>;
  /** Reads the newest messages of a conversation, unless they are there. @throws ClientError */
  open(conversationId: string): Promise<void>;
  /** Reads who is in a conversation, and how far they have read where that is told. @throws ClientError */
  people(conversationId: string): Promise<void>;
  /** Reads the messages before those that are there. @throws ClientError */
  older(conversationId: string): Promise<void>;
  /** Takes what was refused off the screen. */
  dismiss(outboxId: string): void;
  /** Ends it; the socket stays. */
  close(): void;
}

/** Events that are kept while something is being read; more of them, and it is read again. */
const MAX_KEPT = 5_000;
const TYPING_TICK_MS = 1_000;

export function openChat(options: ChatOptions): Chat {
  return new LiveChat(options);
}

class LiveChat implements Chat {
  readonly #options: ChatOptions;
  readonly #listeners = new Set<() => void>();
  readonly #stops: (() => void)[];
  /** Events that came while something was being read: the answer may be older than they are. */
  #kept: ChatEvent[] = [];
  #reading = 0;
  #state: ChatState;
  #told = true;
  #closed = false;
  #tick: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;

  constructor(options: ChatOptions) {
    this.#options = options;
    const { socket, userId } = options;
    this.#state = this.#follow(options.first ?? emptyChat(userId));
    for (const entry of socket.waiting)
      this.#state = applyOutbox(this.#state, { op: "queued", entry });
    this.#stops = [
      socket.on("state", (state) => {
        // What this user has come into, or was taken out of, while nobody was there to hear it.
        if (state === "open") this.list().catch(() => undefined);
      }),
      socket.on("event", (event) => this.#take(event)),
      socket.on("user", (event) => this.#set(applyUserEvent(this.#state, event))),
      socket.on("outbox", (change) => this.#set(applyOutbox(this.#state, change))),
      socket.on("reset", (reset) => {
        this.#set(applyReset(this.#state, reset));
        // The user's own stream told which conversations there are; now the list has to.
        if (reset.conversationId === undefined) this.list().catch(() => undefined);
      }),
      socket.on("ephemeral", (event) => {
        this.#set(applyEphemeral(this.#state, event, Date.now()));
        this.#tick ??= setTimeout(() => this.#expire(), TYPING_TICK_MS);
      }),
    ];
    if (socket.state === "open") this.list().catch(() => undefined);
  }

  get state(): ChatState {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    const own = () => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  async list(): Promise<void> {
    await this.#read(async () => {
      const { api } = this.#options;
      const [items, blocked] = await Promise.all([listConversations(api), listBlocked(api)]);
      return () => withBlocked(withConversations(this.#state, items), blocked);
    });
  }

  async open(id: string): Promise<void> {
    const window = this.#state.conversations[id]?.window;
    if (window && !window.hasNewer) return;
    if (!this.#state.conversations[id]) await this.#find(id);
    await this.#readWindow(id);
  }

  async people(id: string): Promise<void> {
    await this.#read(async () => {
      const at = this.#state.conversations[id]?.info.lastSeq ?? 0;
      const { api } = this.#options;
      const [items, reads] = await Promise.all([listMembers(api, id), listReads(api, id)]);
      return () => withReads(withMembers(this.#state, id, { items, at }), id, reads);
    });
  }

  async older(id: string): Promise<void> {
    const cursor = this.#state.conversations[id]?.window?.cursor ?? null;
    if (cursor === null) return;
    await this.#read(async () => {
      const page = pageOf(await listMessages(this.#options.api, id, cursor), 0);
      return () => addOlder(this.#state, id, page);
    });
  }

  dismiss(outboxId: string): void {
    this.#set(dismiss(this.#state, outboxId));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#tick);
    clearTimeout(this.#retry);
    for (const stop of this.#stops) stop();
    this.#listeners.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #take(event: ChatEvent): void {
    if (this.#reading > 0 && this.#kept.length <= MAX_KEPT) this.#kept.push(event);
    this.#set(applyEvent(this.#state, event));
  }

  /** Reads something, puts it into the state, and then applies once more what came meanwhile. */
  async #read(work: () => Promise<() => ChatState>): Promise<void> {
    this.#reading += 1;
    try {
      const put = await work();
      if (this.#closed) return;
      let state = this.#follow(put());
      for (const event of this.#kept) state = applyEvent(state, event);
      const isTorn = this.#kept.length > MAX_KEPT;
      for (const { conversationId } of isTorn ? this.#kept : [])
        state = applyReset(state, { conversationId });
      this.#set(state);
    } finally {
      this.#reading -= 1;
      if (this.#reading === 0) this.#kept = [];
    }
  }

  /** Takes care that the events behind each position come; where they began further ahead, it is read again. */
  #follow(state: ChatState): ChatState {
    return Object.values(state.conversations).reduce(
      (after, { info: { id, lastSeq } }) =>
        this.#options.socket.follow(id, lastSeq) ? after : want(after, id),
      state,
    );
  }

  async #readWindow(id: string): Promise<void> {
    await this.#read(async () => {
      // The position first: whatever is read after it is at least as new.
      const at = this.#state.conversations[id]?.info.lastSeq ?? 0;
      const page = pageOf(await listMessages(this.#options.api, id, null), at);
      return () => openWindow(this.#state, id, page);
    });
  }

  /** Reads one conversation; whoever is not in it has none. */
  async #find(id: string): Promise<void> {
    await this.#read(async () => {
      const found = await findConversation(this.#options.api, id);
      return () => (found ? withConversations(this.#state, [found]) : forget(this.#state, id));
    });
  }

  #set(state: ChatState): void {
    if (state === this.#state || this.#closed) return;
    this.#state = state;
    if (state.wanted.length > 0) this.#retry ??= setTimeout(() => void this.#catchUp(), 0);
    if (!this.#told) return;
    this.#told = false;
    queueMicrotask(() => {
      this.#told = true;
      for (const listener of this.#listeners) listener();
    });
  }

  /** Reads what was missed; while that fails, again and again, but not all clients at once. */
  async #catchUp(): Promise<void> {
    try {
      for (const id of this.#state.wanted) {
        const isTorn = this.#state.conversations[id]?.window?.hasNewer === true;
        await this.#find(id);
        if (isTorn && this.#state.conversations[id]) await this.#readWindow(id);
      }
      this.#failures = 0;
    } catch {
      this.#failures += 1;
    }
    this.#retry = undefined;
    if (!this.#closed && this.#state.wanted.length > 0)
      this.#retry = setTimeout(() => void this.#catchUp(), backoffMs(this.#failures));
  }

  #expire(): void {
    this.#tick = undefined;
    this.#set(expireTyping(this.#state, Date.now()));
    const isTyping = Object.values(this.#state.conversations).some(
      ({ typing }) => Object.keys(typing).length > 0,
    );
    if (isTyping) this.#tick = setTimeout(() => this.#expire(), TYPING_TICK_MS);
  }
}
