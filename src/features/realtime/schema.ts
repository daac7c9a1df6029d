import { t } from "elysia";

import { defineError } from "../../platform/errors.ts";
import { object } from "../../platform/schema.ts";

export const SubprotocolRequired = defineError("subprotocol_required", 400, {
  en: "Open a WebSocket and offer the subprotocol frm.v1",
  vi: "Hãy mở WebSocket với giao thức con frm.v1",
});

export const Ticket = object({
  ticket: t.String(),
  /** Seconds. */
  expiresIn: t.Number(),
});
