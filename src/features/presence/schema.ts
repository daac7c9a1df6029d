import { t } from "elysia";

import { defineUserEvent } from "../../platform/realtime/user_events.ts";
import { EXAMPLE_ID, Id, integer, object, Time } from "../../platform/schema.ts";

/** Users that one call may ask about. */
const MAX_ASKED = 100;

const Audience = t.Union([t.Literal("nobody"), t.Literal("contacts"), t.Literal("everybody")], {
  description:
    "Contacts are those with whom the user has begun a direct conversation, or written in it.",
  examples: ["contacts"],
});
export type Audience = typeof Audience.static;

export const PresenceSettings = object(
  {
    visibleTo: { ...Audience, description: "Who sees whether the user is there." },
    lastSeenTo: { ...Audience, description: "Who sees when the user was last there." },
    isInvisible: t.Boolean({
      description: "Whether the user looks as if they were not there.",
      examples: [false],
    }),
  },
  { title: "PresenceSettings", description: "Contacts are those to whom the user has written." },
);
export type PresenceSettings = typeof PresenceSettings.static;

/** Told to the user's other devices. */
export const PresenceSet = defineUserEvent("presence", {
  meaning: "the user has changed who sees whether they are there",
  data: PresenceSettings,
});

const UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
/** As the server writes it: clients repeat the name of a channel and do not make it up. */
const CONVERSATION = "^c:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$";

export const PresenceQuery = object({
  userIds: t.String({
    minLength: 36,
    maxLength: MAX_ASKED * 37 - 1,
    pattern: `^${UUID}(?:,${UUID})*$`,
    description: `Ids of up to ${MAX_ASKED} users, separated by commas.`,
    examples: [EXAMPLE_ID],
  }),
});

const Status = t.Union([t.Literal("online"), t.Literal("away"), t.Literal("offline")], {
  examples: ["online"],
});

export const PresenceList = object(
  {
    items: t.Array(
      object({
        userId: Id,
        status: Status,
        lastSeenAt: t.Union([Time, t.Null()], {
          description: "When the user was last there, where that may be known.",
          examples: [null],
        }),
      }),
    ),
  },
  { title: "PresenceList" },
);
export type PresenceList = typeof PresenceList.static;

const RequestNumber = t.Optional(integer(0));

/** Frames that a client sends about the presence of its user. */
export const PresenceFrames = {
  typ: object({
    t: t.Literal("typ"),
    i: RequestNumber,
    ch: t.String({ pattern: CONVERSATION }),
    on: t.Boolean({ description: "whether the user is writing" }),
  }),
  pres: object({
    t: t.Literal("pres"),
    i: RequestNumber,
    status: t.Union([t.Literal("online"), t.Literal("away")], {
      description: "whether the user looks at this device; it is `online` from the start",
    }),
  }),
};

/** What the API's document says about each operation. */
export const operations = {
  listPresence: {
    operationId: "listPresence",
    summary: "See who is there",
    description:
      "The status of users, of whom those are left out whom the caller may not see. Changes come as `pres` to the sockets that look at a conversation with them.",
  },
  getPresenceSettings: {
    operationId: "getPresenceSettings",
    summary: "See who may see me",
    description: "Who sees whether the caller is there, and when they were last.",
  },
  setPresenceSettings: {
    operationId: "setPresenceSettings",
    summary: "Choose who may see me",
    description: "Holds at once, also for those who see the caller at the moment.",
  },
};
