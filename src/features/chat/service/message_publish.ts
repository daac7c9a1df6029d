import { eventPublication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import { channelOf, messageEvent } from "./frames.ts";
import type { SentMessage } from "./message_insert.ts";
import { indexSoon } from "./search_index.ts";

/** Tells the members what was stored, in the order of its positions. */
export function publishSent(
  platform: Pick<Platform, "db" | "log" | "outbox">,
  {
    conversationId,
    outboxId,
    sent,
  }: { conversationId: string; outboxId: string; sent: Iterable<SentMessage> },
): void {
  const channel = channelOf(conversationId);
  const stored = [...sent].filter(({ duplicate }) => !duplicate);
  const publications = stored
    .toSorted((one, other) => one.message.seq - other.message.seq)
    .map(({ message }) =>
      eventPublication(outboxId, channel, messageEvent(conversationId, message)),
    );
  if (publications.length === 0) return;
  platform.outbox.publish(publications);
  indexSoon(platform, conversationId);
}
