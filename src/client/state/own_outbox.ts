import type { ChatEvent } from "../events.ts";
import type { OutboxChange } from "../outbox.ts";
import type { ChatState, OutboxItem } from "./chat_state.ts";

/** What waits or was refused; more of it than the outbox holds means that nobody has dismissed the refusals. */
const MAX_ITEMS = 512;

/** The state after something has happened in the outbox of the socket. */
export function applyOutbox(state: ChatState, change: OutboxChange): ChatState {
  const { entry } = change;
  const others = state.outbox.filter((item) => item.entry.id !== entry.id);
  switch (change.op) {
    case "queued":
      return {
        ...state,
        outbox: [...others, { entry, status: "waiting" as const }].slice(-MAX_ITEMS),
      };
    case "refused":
      return put(state, { entry, status: "refused", code: change.code });
    case "done":
      // A message that has arrived with its event before is shown already; anything else is told by its event.
      return change.message && !isShown(state, entry.conversationId, change.message.seq)
        ? put(state, { entry, status: "done" })
        : { ...state, outbox: others };
  }
}

/** Takes what was refused off the list. */
export function dismiss(state: ChatState, id: string): ChatState {
  const outbox = state.outbox.filter((item) => item.entry.id !== id);
  return outbox.length === state.outbox.length ? state : { ...state, outbox };
}

/** A message of one's own has arrived as everybody sees it, so what stood for it goes. */
export function settleOwn(state: ChatState, { data }: ChatEvent & { kind: "msg.new" }): ChatState {
  return data.senderId === state.userId ? dismiss(state, data.clientId) : state;
}

function put(state: ChatState, item: OutboxItem): ChatState {
  const at = state.outbox.findIndex(({ entry }) => entry.id === item.entry.id);
  return at === -1 ? state : { ...state, outbox: state.outbox.with(at, item) };
}

/** Whether the event of a message was applied already. */
function isShown(state: ChatState, conversationId: string, seq: number): boolean {
  return (state.conversations[conversationId]?.info.lastSeq ?? 0) >= seq;
}
