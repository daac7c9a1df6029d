/** Listeners by type. One that throws is reported like any uncaught error, and the others are still called. */
export class Listeners<Events> {
  readonly #byType = new Map<keyof Events, Set<(value: never) => void>>();

  /** Calls the listener from now on; the answer takes it away again. */
  add<Type extends keyof Events>(type: Type, listener: (value: Events[Type]) => void): () => void {
    const listeners = this.#byType.get(type) ?? new Set();
    // One function may be added twice, and each time is taken away by itself.
    const own = (value: Events[Type]) => listener(value);
    this.#byType.set(type, listeners.add(own));
    return () => void listeners.delete(own);
  }

  tell<Type extends keyof Events>(type: Type, value: Events[Type]): void {
    for (const listener of this.#byType.get(type) ?? []) {
      try {
        (listener as (value: Events[Type]) => void)(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
