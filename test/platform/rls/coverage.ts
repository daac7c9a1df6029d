import { accounts, auditEntries, sessions, users } from "./account_cells.ts";
import { blocks } from "./block_cells.ts";
import type { Coverage } from "./cells.ts";
import { conversationEvents, conversationMembers, conversations } from "./chat_cells.ts";
import { accountExportChunks, accountExports } from "./export_cells.ts";
import { accountTokens, emailChanges } from "./link_cells.ts";
import { messageMentions, messageReactions, pinnedMessages, threadStates } from "./mark_cells.ts";
import { messageEdits, messages } from "./message_cells.ts";
import { presenceSettings } from "./presence_cells.ts";
import { conversationSettings, conversationStates } from "./presentation_cells.ts";
import { busOutbox, devSecrets, jobOutbox, jobOutboxHead } from "./queue_cells.ts";
import { conversationBans, reports } from "./report_cells.ts";
import { messageWords, searchStates } from "./search_cells.ts";
import { userEvents, userStreams } from "./stream_cells.ts";
import { recoveryCodes, totpSecrets } from "./totp_cells.ts";

/** What is proven of each table. A table that is missing here, or a policy or grant of one, is a failure. */
export const COVERAGE: Record<string, Coverage> = {
  users,
  accounts,
  sessions,
  audit_entries: auditEntries,
  account_tokens: accountTokens,
  email_changes: emailChanges,
  account_exports: accountExports,
  account_export_chunks: accountExportChunks,
  totp_secrets: totpSecrets,
  recovery_codes: recoveryCodes,
  conversations,
  conversation_members: conversationMembers,
  conversation_settings: conversationSettings,
  conversation_states: conversationStates,
  messages,
  message_edits: messageEdits,
  message_reactions: messageReactions,
  message_mentions: messageMentions,
  pinned_messages: pinnedMessages,
  thread_states: threadStates,
  blocks,
  reports,
  conversation_bans: conversationBans,
  message_words: messageWords,
  search_states: searchStates,
  conversation_events: conversationEvents,
  user_streams: userStreams,
  user_events: userEvents,
  presence_settings: presenceSettings,
  bus_outbox: busOutbox,
  dev_secrets: devSecrets,
  job_outbox: jobOutbox,
  job_outbox_head: jobOutboxHead,
};

/** Tables without row-level security, each with the reason. No serving role may have any privilege on them. */
export const WITHOUT_POLICIES: Record<string, string> = {
  migrations: "names of applied migrations, read and written by the owner alone",
};
