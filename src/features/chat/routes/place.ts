/** Who asks about which conversation. */
export function place(params: { id: string }, session: { userId: string }) {
  return { userId: session.userId, conversationId: params.id.toLowerCase() };
}
