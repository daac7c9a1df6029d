import type { Channel } from "./channels.ts";
import type { ChannelEvent, ChannelSource } from "./source.ts";

/** Somebody to whom an event is told. */
interface Viewer {
  channel: string;
  /** First position that they may see. */
  visibleFrom: number;
}

/**
 * The event for one viewer. One that erases another tells what stands in its place, which is not for those who may not
 * see that position; they get one in its own place, so that they miss no position.
 */
export function veil(
  event: ChannelEvent,
  { channel, visibleFrom }: Viewer,
  source: Pick<ChannelSource, "conceal">,
): ChannelEvent {
  if (event.erases === undefined || event.erases >= visibleFrom) return event;
  return { ...event, frame: source.conceal(channel, event.frame) };
}

export interface TellOptions {
  source: Pick<ChannelSource, "conceal">;
  /** Sends to every local socket in the channel. */
  publish: (channel: string, frame: string) => void;
  /** Sends what `publish` has kept for a moment. */
  flush?: () => void;
}

/** Sends an event to the sockets in a channel, and to each what its user may see of it. */
export function tellMembers(channel: Channel, event: ChannelEvent, options: TellOptions): void {
  const { name, members, floors } = channel;
  const { erases } = event;
  if (erases === undefined || !floors.values().some((floor) => floor > erases))
    return options.publish(name, event.frame);
  options.flush?.();
  for (const connection of members) {
    const visibleFrom = floors.get(connection.userId) ?? 1;
    connection.send(veil(event, { channel: name, visibleFrom }, options.source).frame);
  }
}
