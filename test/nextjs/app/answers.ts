import type { Api } from "@frm-ai/client";

/** The names under which this app speaks of answers; their shapes come from the API alone. */
type DataOf<Call extends (...given: never[]) => Promise<{ data: unknown }>> = NonNullable<
  Awaited<ReturnType<Call>>["data"]
>;

export type ConversationPage = DataOf<Api["v1"]["conversations"]["get"]>;
export type Conversation = ConversationPage["items"][number];
export type ConversationDetails = DataOf<ReturnType<Api["v1"]["conversations"]>["get"]>;
export type MessagePage = DataOf<ReturnType<Api["v1"]["conversations"]>["messages"]["get"]>;
export type Me = DataOf<Api["v1"]["me"]["get"]>;
