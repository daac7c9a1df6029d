/** A conversation and one member, as the messages of a load name them. */
export interface Talk {
  conversationId: string;
  senderId: string;
}

/** How to speak to one kind of server. */
export interface Dialect {
  path: string;
  subprotocol?: string;
  /** The first frame; a side without one is ready after the upgrade. */
  greeting?: (token: string) => string;
  /** How the frame begins that says that the socket is in the conversation. */
  welcome?: string;
  /** Keeps an idle socket open. */
  heartbeat?: string;
  /** A short text of the server that wants an answer, and the answer. */
  challenge?: { text: string; answer: string };
  /** The frame that sends one message. */
  message: (talk: Talk, body: string, index: number) => string;
}

export type DialectName = "frm" | "raw" | "socketio";

export const DIALECTS: Record<DialectName, Dialect> = {
  frm: {
    path: "/v1/ws",
    subprotocol: "frm.v1",
    greeting: (token) => JSON.stringify({ t: "hello", i: 1, v: 1, tok: token }),
    welcome: '{"t":"hello.ok"',
    heartbeat: '{"t":"hb"}',
    message: ({ conversationId }, body, index) => {
      const cid = crypto.randomUUID();
      return `{"t":"send","i":${index},"ch":"c:${conversationId}","cid":"${cid}","body":"${body}"}`;
    },
  },
  raw: { path: "/", message: eventText },
  socketio: {
    path: "/socket.io/?EIO=4&transport=websocket",
    greeting: () => "40",
    welcome: "40{",
    challenge: { text: "2", answer: "3" },
    message: (talk, body, index) => `42["send",${eventText(talk, body, index)}]`,
  },
};

/** A message in the form, and so in the size, in which the product delivers it: every receiver gets as many bytes. */
function eventText({ conversationId, senderId }: Talk, body: string, index: number): string {
  const clientId = crypto.randomUUID();
  const now = new Date();
  return JSON.stringify({
    t: "ev",
    ch: `c:${conversationId}`,
    seq: index,
    k: "msg.new",
    d: { id: crypto.randomUUID(), seq: index, clientId, senderId, body, createdAt: now },
    cid: clientId,
    ts: now.getTime(),
  });
}
