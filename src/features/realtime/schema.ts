import { t } from "elysia";

import { defineError } from "../../platform/errors.ts";
import { defineJob } from "../../platform/queue/definition.ts";
import { count, object } from "../../platform/schema.ts";

export const SubprotocolRequired = defineError("subprotocol_required", 400, {
  en: "Open a WebSocket and offer the subprotocol frm.v1",
  vi: "Hãy mở WebSocket với giao thức con frm.v1",
});

export const TicketBody = t.Optional(
  object({
    origin: t.Optional(
      t.String({
        minLength: 1,
        maxLength: 255,
        description:
          "Of the page that will open the socket, where a server asks for it; a browser's own `Origin` counts by itself.",
        examples: ["https://app.example.com"],
      }),
    ),
  }),
);

export const Ticket = object(
  {
    ticket: t.String({
      description: "The `tok` of the first frame; it works once.",
      examples: ["tk_6kMZr2vXbqCw0yqkQh9y1A"],
    }),
    expiresIn: count("Seconds for which the ticket works.", 30),
  },
  { title: "Ticket", description: "Opens one socket." },
);

/** Deletes what users were told long ago. */
export const SweepUserEvents = defineJob("realtime.sweep_user_events", { payload: object({}) });

/** What a `ticker` topic holds. */
export const Ticker = object(
  {
    price: object({
      amount: t.String({
        pattern: "^\\d{1,18}$",
        description: "Of the last trade, in minor units.",
        examples: ["61500"],
      }),
      currency: t.String({ minLength: 3, maxLength: 3, examples: ["VND"] }),
    }),
    change: t.Number({ description: "Since the last close; 0.012 is 1.2 %.", examples: [0.012] }),
    volume: count("Shares traded today.", 1_250_000),
  },
  { title: "Ticker", description: "What a listed security trades at." },
);

/** What the API's document says about each operation. */
export const operations = {
  issueTicket: {
    operationId: "issueTicket",
    summary: "Get a ticket for the socket",
    description:
      "A ticket stands for the caller's session in one frame of a socket, once. One that a page has asked for works " +
      "for sockets of that page's origin alone; one that names no origin works for clients that are no browsers, and " +
      "for the pages of all our origins.",
  },
  openSocket: {
    operationId: "openSocket",
    summary: "Open the socket",
    description:
      "The handshake of a WebSocket, which this page cannot make. It offers the subprotocol `frm.v1` first; " +
      "who the user is, the first frame says: `hello` with a ticket or an access token.",
    parameters: [
      {
        name: "Sec-WebSocket-Protocol",
        in: "header",
        required: true,
        description: "The subprotocols that the client speaks.",
        schema: { type: "string" as const, examples: ["frm.v1"] },
      },
    ],
    responses: {
      101: {
        description: "The connection is a WebSocket from here on.",
        headers: {
          "Sec-WebSocket-Protocol": {
            description: "The subprotocol that both speak.",
            required: true,
            schema: { type: "string" as const, enum: ["frm.v1"] },
          },
        },
      },
    },
  },
};
