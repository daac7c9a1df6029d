import type { PersonalTable } from "../../../platform/personal_data.ts";
import { AUDIT_DATA } from "../../audit/mod.ts";
import { AUTH_DATA } from "../../auth/mod.ts";
import { BLOCK_DATA } from "../../blocks/mod.ts";
import { CHAT_DATA } from "../../chat/mod.ts";
import { MFA_DATA } from "../../mfa/mod.ts";
import { MODERATION_DATA } from "../../moderation/mod.ts";
import { PRESENCE_DATA } from "../../presence/mod.ts";
import { REALTIME_DATA } from "../../realtime/mod.ts";
import { ACCOUNT_DATA } from "./personal_data.ts";

/**
 * Every table with rows about users, in the order in which they are erased: what opens the account goes last. A feature
 * states the policies of its own tables; one that is missing here fails a test against the database itself.
 */
export const PERSONAL_DATA: PersonalTable[] = [
  ...CHAT_DATA,
  ...BLOCK_DATA,
  ...MODERATION_DATA,
  ...REALTIME_DATA,
  ...PRESENCE_DATA,
  ...AUDIT_DATA,
  ...ACCOUNT_DATA,
  ...MFA_DATA,
  ...AUTH_DATA,
];

/** Tables that are about nobody, each with the reason. */
export const IMPERSONAL_TABLES: Record<string, string> = {
  bus_outbox: "word of what other rows say, deleted within seconds",
  dev_secrets: "keys that development has made up",
  conversation_settings: "how a group presents itself",
  message_edits:
    "what a message said before, which hangs on the message and goes with what it said",
  message_words: "words of what a message says now, which go with what it said",
  search_states: "how far a conversation is in the index of the search",
  job_outbox: "work that waits, deleted when it is done",
  job_outbox_head: "the relay's own count",
  migrations: "names of applied migrations",
};
