/** Who asks about which conversation. */
export function place(params: { id: string }, session: { userId: string }) {
  return { userId: session.userId, conversationId: params.id.toLowerCase() };
}

/** The same about a message. */
export function messagePlace(params: { id: string; seq: number }, session: { userId: string }) {
  return { ...place(params, session), seq: params.seq };
}
