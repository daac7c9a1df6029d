import type { Coverage } from "./cells.ts";

/** Whoever acts may ask that others be told, and cannot see what is being told to whom. */
export const busOutbox: Coverage = {
  policies: [
    "bus_outbox_app_insert insert app",
    "bus_outbox_auth_insert insert auth",
    "bus_outbox_system all system",
  ],
  grants: { app: "insert", auth: "insert", system: "select insert delete update(payload)" },
  cells: [
    ["lan", "insert into app.bus_outbox (id, channel) values (:fresh, 'c:x')", 1],
    [
      "lan",
      "insert into app.bus_outbox (id, channel) values (:fresh, 'c:x') returning id",
      "denied",
    ],
    ["lan", "select * from app.bus_outbox", "denied"],
    ["lan", "select * from app.bus_outbox", 0, "select"],
    ["lan", "update app.bus_outbox set payload = 'x'", "denied"],
    ["lan", "delete from app.bus_outbox", "denied"],
    ["auth", "insert into app.bus_outbox (id, channel) values (:fresh, 'u:x')", 1],
    ["auth", "select * from app.bus_outbox", "denied"],
    ["auth", "delete from app.bus_outbox", "denied"],
    ["system", "select * from app.bus_outbox", 1],
    ["system", "update app.bus_outbox set payload = 'x'", 1],
    ["system", "delete from app.bus_outbox", 1],
    ["system", "update app.bus_outbox set channel = 'x'", "denied"],
    ["system", "insert into app.bus_outbox (id, channel) values (:fresh, 'c:x')", 1],
    ["public", "select * from app.bus_outbox", "denied"],
  ],
};

/** Empty in production; the sign-in alone reads what development has made up. */
export const devSecrets: Coverage = {
  policies: ["dev_secrets_auth all auth"],
  grants: { auth: "select insert" },
  cells: [
    ["lan", "select * from app.dev_secrets", "denied"],
    ["lan", "select * from app.dev_secrets", 0, "select"],
    ["lan", "insert into app.dev_secrets values ('x', 'x')", "denied"],
    ["auth", "select * from app.dev_secrets", 1],
    ["auth", "insert into app.dev_secrets values ('x', 'x')", 1],
    ["auth", "update app.dev_secrets set value = 'x'", "denied"],
    ["auth", "delete from app.dev_secrets", "denied"],
    ["system", "select * from app.dev_secrets", "denied"],
    ["public", "select * from app.dev_secrets", "denied"],
  ],
};

const NEW_JOB =
  "insert into app.job_outbox (id, queue, kind, version, payload, max_attempts) values (:fresh, 'default', 'x', 1, '{}', 3)";

/** Whoever acts may ask for work, and cannot see what others have asked for. */
export const jobOutbox: Coverage = {
  policies: [
    "job_outbox_app_insert insert app",
    "job_outbox_auth_insert insert auth",
    "job_outbox_system all system",
  ],
  grants: { app: "insert", auth: "insert", system: "select insert delete update(batch)" },
  cells: [
    ["lan", NEW_JOB, 1],
    ["lan", "select * from app.job_outbox", "denied"],
    ["lan", "select * from app.job_outbox", 0, "select"],
    ["lan", "update app.job_outbox set batch = 1", "denied"],
    ["lan", "delete from app.job_outbox", "denied"],
    ["auth", NEW_JOB, 1],
    ["auth", "select * from app.job_outbox", "denied"],
    ["auth", "delete from app.job_outbox", "denied"],
    ["system", "select * from app.job_outbox", 1],
    ["system", NEW_JOB, 1],
    ["system", "update app.job_outbox set batch = 1", 1],
    ["system", "update app.job_outbox set payload = '{}'", "denied"],
    ["system", "delete from app.job_outbox", 1],
    ["public", "select * from app.job_outbox", "denied"],
  ],
};

/** The relay counts its batches here. */
export const jobOutboxHead: Coverage = {
  policies: ["job_outbox_head_system all system"],
  grants: { system: "select insert update(last_batch)" },
  cells: [
    ["lan", "select * from app.job_outbox_head", "denied"],
    ["lan", "select * from app.job_outbox_head", 0, "select"],
    ["auth", "select * from app.job_outbox_head", "denied"],
    ["system", "select * from app.job_outbox_head", 1],
    ["system", "insert into app.job_outbox_head values ('other', 0)", 1],
    ["system", "update app.job_outbox_head set last_batch = 2", 1],
    ["system", "delete from app.job_outbox_head", "denied"],
    ["public", "select * from app.job_outbox_head", "denied"],
  ],
};
