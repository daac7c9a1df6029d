import { between } from "./backoff.ts";

export interface NetworkOptions {
  /** The connection may be gone, or be possible again: look at it now. */
  wake: () => void;
  /** The page was hidden, or is looked at again. */
  look: (isAway: boolean) => void;
  signal: AbortSignal;
}

/** A whole office has its network back in the same moment. */
const ONLINE_SPREAD_MS = 500;

interface Page {
  document?: EventTarget & { visibilityState?: string };
}

/** A browser knows when the network is back or the page is looked at again, long before a timer of ours would. */
export function watchNetwork({ wake, look, signal }: NetworkOptions): void {
  const page = globalThis as Page & Partial<EventTarget>;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const back = () => {
    clearTimeout(timer);
    timer = setTimeout(wake, between(0, ONLINE_SPREAD_MS));
  };
  const turn = () => {
    const isHidden = page.document?.visibilityState === "hidden";
    look(isHidden);
    // A page that nobody looks at may as well wait.
    if (!isHidden) wake();
  };
  page.addEventListener?.("online", back, { signal });
  page.addEventListener?.("offline", wake, { signal });
  page.document?.addEventListener("visibilitychange", turn, { signal });
  // A page that comes back out of the browser's memory has lost its socket without a word.
  page.addEventListener?.("pageshow", turn, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
}
