import type { TSchema } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";

/** A kind of event that reaches one user alone, on all their devices. */
export interface UserEventKind<S extends TSchema = TSchema> {
  /** `k` of the event. It stands in stored rows and in clients, so it is never renamed. */
  name: string;
  /** What has happened, for readers of the protocol. */
  meaning: string;
  data: S;
  /** True when the value is what an event of this kind tells. */
  check: (value: unknown) => boolean;
}

const catalogue = new Map<string, UserEventKind>();

/**
 * Declares a kind; it belongs into the schema.ts of its feature. What an event tells is absolute, so that one which is
 * repeated changes nothing. @throws when the name is taken.
 */
export function defineUserEvent<S extends TSchema>(
  name: string,
  { meaning, data }: { meaning: string; data: S },
): UserEventKind<S> {
  if (catalogue.has(name)) throw new Error(`Cannot define user event "${name}": it is taken`);
  const checker = TypeCompiler.Compile(data);
  const kind = { name, meaning, data, check: (value: unknown) => checker.Check(value) };
  catalogue.set(name, kind);
  return kind;
}

/** All kinds that were declared so far. */
export function listUserEvents(): UserEventKind[] {
  return [...catalogue.values()];
}
