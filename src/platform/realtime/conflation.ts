/** What a topic holds at a moment. */
export interface TopicValue {
  /** Microseconds since the epoch, and greater than that of every value before it. */
  version: number;
  /** JSON text of the data. */
  json: string;
}

/** Lets the latest value of each topic through, and not more often than once in an interval. */
export interface Conflation {
  /** Takes a value; one that is not newer than the latest is dropped. */
  offer(topic: string, value: TopicValue): void;
  latest(topic: string): TopicValue | undefined;
  forget(topic: string): void;
  close(): void;
}

export interface ConflationOptions {
  intervalMs: number;
  emit: (topic: string, value: TopicValue) => void;
}

interface State {
  latest: TopicValue;
  /** Runs while the interval behind the last frame does; undefined once it is over. */
  timer: Timer | undefined;
  isWaiting: boolean;
}

export function createConflation({ intervalMs, emit }: ConflationOptions): Conflation {
  const states = new Map<string, State>();

  function send(topic: string, state: State): void {
    state.isWaiting = false;
    state.timer = setTimeout(() => {
      state.timer = undefined;
      if (state.isWaiting) send(topic, state);
    }, intervalMs);
    emit(topic, state.latest);
  }
  function forget(topic: string): void {
    clearTimeout(states.get(topic)?.timer);
    states.delete(topic);
  }
  return {
    offer: (topic, value) => {
      const state = states.get(topic) ?? { latest: value, timer: undefined, isWaiting: false };
      if (states.has(topic) && value.version <= state.latest.version) return;
      states.set(topic, state);
      state.latest = value;
      if (state.timer) state.isWaiting = true;
      else send(topic, state);
    },
    latest: (topic) => states.get(topic)?.latest,
    forget,
    close: () => {
      for (const topic of states.keys()) forget(topic);
    },
  };
}
