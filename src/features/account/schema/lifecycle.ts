import { t } from "elysia";

import { count, EXAMPLE_ID, Id, object, page, Time } from "../../../platform/schema.ts";

export const Deletion = object(
  {
    isScheduled: t.Boolean({ description: "Whether the account is going to be erased." }),
    requestedAt: t.Union([Time, t.Null()]),
    dueAt: t.Union([Time, t.Null()], { description: "When it is erased, unless it is cancelled." }),
  },
  { title: "AccountDeletion", description: "What becomes of the caller's account." },
);
export type Deletion = typeof Deletion.static;

export const AccountExport = object(
  {
    id: Id,
    state: t.Union([t.Literal("waiting"), t.Literal("ready"), t.Literal("failed")]),
    requestedAt: Time,
    readyAt: t.Union([Time, t.Null()]),
    expiresAt: { ...Time, description: "When it is deleted." },
    bytes: count("How long it is, once it is ready.", 48_213),
  },
  { title: "AccountExport", description: "A copy of the caller's data." },
);
export type AccountExport = typeof AccountExport.static;
export const ExportPage = page(AccountExport, { title: "AccountExportPage" });
export const ExportParams = object({ id: { ...Id, description: "The copy." } });

/** Which fields a row has is up to its table, so that nothing more can be said of it here. */
export const ExportDocument = t.Unknown({
  title: "AccountExportDocument",
  description:
    "All that is stored about a user, without what guards the account: `format`, `version`, `createdAt`, `userId`, the " +
    "rows by their table in `tables`, and in `withheld` the tables of which nothing is here, with the reason.",
  examples: [
    {
      format: "frm-ai.account",
      version: 1,
      createdAt: "2026-11-23T02:15:00.000Z",
      userId: EXAMPLE_ID,
      tables: { totp_secrets: [{ confirmedAt: "2026-11-23T02:15:00.000Z" }] },
      withheld: { recovery_codes: "It holds only what recognises your recovery codes." },
    },
  ],
});

const at = (path: string, description: string) => ({
  Location: {
    description,
    required: true,
    schema: { type: "string" as const, examples: [path] },
  },
});

/** What the API's document says about each operation. */
export const operations = {
  getDeletion: {
    operationId: "getDeletion",
    summary: "Is my account going to be erased",
    description: "Whether the caller has asked for it, and until when that can be taken back.",
  },
  requestDeletion: {
    operationId: "requestDeletion",
    summary: "Erase my account",
    description:
      "Asks for a recent proof of who the caller is. The account is erased after a time of grace; until then its owner " +
      "signs in as ever and may cancel. Every other session ends at once, and nobody begins a conversation with the " +
      "user any more. Asked again, it changes nothing. What was said to others stays with them, under a deleted account. " +
      "The last admin is refused.",
    responses: {
      202: {
        description: "The account will be erased.",
        headers: at("/v1/account/deletion", "Where to see when, and to cancel it."),
      },
    },
  },
  cancelDeletion: {
    operationId: "cancelDeletion",
    summary: "Keep my account",
    description: "Takes the request back, as long as its time of grace is not over.",
    responses: { 204: { description: "The account stays." } },
  },
  listExports: {
    operationId: "listExports",
    summary: "List the copies of my data",
    description: "Those that have not expired, the newest first.",
  },
  requestExport: {
    operationId: "requestExport",
    summary: "Ask for a copy of my data",
    description:
      "A mail says when it can be fetched, if the address is confirmed. While one is being written, asking again answers that one. A new copy takes " +
      "the place of the one before it, and three may be asked for in 24 hours.",
    responses: {
      202: {
        description: "It is being written.",
        headers: at("/v1/account/exports/{id}", "Where its state is."),
      },
    },
  },
  getExport: {
    operationId: "getExport",
    summary: "Is the copy of my data ready",
    description: "The state of one copy.",
  },
  fetchExport: {
    operationId: "fetchExport",
    summary: "Fetch the copy of my data",
    description:
      "One JSON document, to be saved as a file. Asks for a recent proof of who the caller is.",
  },
};
