import type postgres from "postgres";

import { connect, openTestDatabase } from "../../support/database.ts";

/** A database with people, conversations and rows of every table, on which statements are tried. */
export interface World extends AsyncDisposable {
  url: URL;
  /** As the superuser. */
  sql: postgres.Sql;
}

/**
 * Who and what there is. In the team are Lan, its owner, Minh, its admin, Hoa, and Kim, an admin who was left nothing but
 * to say something and to bring others in; Quan has left it. Minh and Hoa have a direct conversation, the pair. Hoa sees
 * the team's positions from the fourth on, and Lan only reads in Eve's club. Eve has opened a group and a direct
 * conversation with Lan a moment ago, and nobody is in them yet; another group of hers, in which Minh was, has gone on
 * without her, and in her club, which is new, Lan is a member. The desk is Mai's, and Kim was its admin until she left.
 * Mai is a moderator, Anh an admin, and Tung a moderator who was banned. Bare is a user without an account.
 * The accounts of Minh and Eve are being erased. Quan's is due to be, and Tung's was begun before the ban; Lan's will be
 * due tomorrow. In the team Quan wrote at the third position, Kim at the fifth and Minh at the sixth, and Kim has taken
 * back what she wrote at the second; there and at the sixth something was reported that nobody has judged yet.
 */
const NAMES =
  "lan minh hoa quan eve mai anh tung bare team pair eves_new eves_direct eves_old eves_club lans_phone lans_ended minhs_phone mais_phone anhs_phone lans_entry product_entry minhs_entry hello quans secret row job token change fresh another minhs_change lans_export minhs_export hoas_long_ended quans_long_expired lans_report old_report kim desk kims kims_deleted kims_old mais hoas kims_report mais_report judged_report".split(
    " ",
  );

/** The rows' ids are the same in every run, so that a failure can be read. */
function idOf(name: string): string {
  const number = NAMES.indexOf(name) + 1;
  if (number === 0) throw new Error(`Cannot name "${name}": it is not in the world`);
  return `00000000-0000-7000-8000-${number.toString().padStart(12, "0")}`;
}

/** Puts ids in the place of names: `:lan` is Lan's. */
export function withIds(statement: string): string {
  return statement.replace(/(?<![:\w]):([a-z]\w*)/g, (_, name: string) => `'${idOf(name)}'::uuid`);
}

/** The id that a claim carries. */
export function claimOf(person: string): string {
  return idOf(person);
}

const PEOPLE = ["lan", "minh", "hoa", "quan", "eve", "mai", "anh", "tung", "kim"];

const ROWS = [
  ...[...PEOPLE, "bare"].map((name) => `insert into app.users values (:${name}, 'Someone', now())`),
  ...PEOPLE.map(
    (name) => `insert into app.accounts (user_id, email) values (:${name}, '${name}@example.com')`,
  ),
  `update app.accounts set role = 'admin' where user_id = :anh`,
  `update app.accounts set role = 'moderator' where user_id in (:mai, :tung)`,
  `update app.accounts set banned_at = now() where user_id = :tung`,
  `update app.accounts set deletion_due_at = now() - interval '1 day' where user_id in (:minh, :eve, :quan, :tung)`,
  `update app.accounts set erasing_since = now() where user_id in (:minh, :eve, :tung)`,
  `update app.accounts set deletion_due_at = now() + interval '1 day' where user_id = :lan`,
  `insert into app.sessions (id, user_id, refresh_key, refreshed_at, created_at, expires_at, revoked_at) values
     (:lans_phone, :lan, '\\x01', now(), now(), now() + '1 day', null),
     (:lans_ended, :lan, '\\x02', now(), now(), now() + '1 day', now() - interval '29 days'),
     (:minhs_phone, :minh, '\\x03', now(), now(), now() + '1 day', null),
     (:mais_phone, :mai, '\\x04', now(), now(), now() + '1 day', null),
     (:anhs_phone, :anh, '\\x05', now(), now(), now() + '1 day', null),
     (:hoas_long_ended, :hoa, '\\x06', now(), now(), now() + '1 day', now() - interval '31 days'),
     (:quans_long_expired, :quan, '\\x07', now(), now(), now() - interval '31 days', null)`,
  `insert into app.audit_entries (id, user_id, actor_id, action, created_at) values
     (:lans_entry, :lan, :lan, 'auth.login', now()), (:product_entry, :lan, null, 'auth.alarm', now()),
     (:minhs_entry, :minh, :lan, 'auth.ban', now())`,
  `insert into app.account_tokens (id, user_id, purpose, digest, email, mail_id, created_at, expires_at)
     values (:token, :lan, 'verify', '\\x01', 'lan@example.com', :row, now(), now())`,
  `insert into app.email_changes (id, user_id, old_email, new_email, created_at, expires_at)
     values (:change, :lan, 'lan@example.com', 'new@example.com', now(), now()),
     (:minhs_change, :minh, 'minh@example.com', 'other@example.com', now(), now())`,
  `insert into app.account_exports (id, user_id, state, requested_at, expires_at) values
     (:lans_export, :lan, 'ready', now(), now()), (:minhs_export, :minh, 'waiting', now(), now())`,
  `insert into app.account_export_chunks values
     (:lans_export, 0, :lan, 'x'), (:lans_export, 1, :lan, 'y'), (:minhs_export, 0, :minh, 'z')`,
  `insert into app.conversations (id, kind, direct_key, created_by, last_seq, last_event_at, created_at) values
     (:team, 'group', null, :lan, 6, now(), now()),
     (:pair, 'direct', concat(:minh, ':', :hoa), :minh, 6, now(), now()),
     (:desk, 'group', null, :mai, 6, now(), now()),
     (:eves_new, 'group', null, :eve, 1, now(), now()),
     (:eves_direct, 'direct', concat(:lan, ':', :eve), :eve, 1, now(), now()),
     (:eves_old, 'group', null, :eve, 2, now(), now()),
     (:eves_club, 'group', null, :eve, 1, now(), now())`,
  `insert into app.conversation_settings values
     (:team, 'Team', '', 'joined', 7), (:eves_new, 'New', '', 'all', 7), (:eves_club, 'Club', '', 'all', 7),
     (:desk, 'Desk', '', 'all', 7)`,
  `insert into app.conversation_members values
     (:team, :lan, 'owner', 1, null, 1023, 0), (:team, :minh, 'admin', 1, null, 1023, 0),
     (:team, :hoa, 'member', 1, null, 7, 4), (:team, :quan, 'member', 1, 4, 7, 0),
     (:team, :kim, 'admin', 1, null, 39, 0),
     (:desk, :mai, 'owner', 1, null, 1023, 0), (:desk, :kim, 'admin', 1, 4, 1023, 0),
     (:pair, :minh, 'member', 1, null, 23, 0), (:pair, :hoa, 'member', 1, null, 23, 0),
     (:eves_club, :eve, 'owner', 1, null, 1023, 0), (:eves_club, :lan, 'reader', 1, null, 0, 0),
     (:eves_old, :minh, 'member', 1, 2, 7, 0)`,
  `insert into app.conversation_states (conversation_id, user_id, last_read_seq) values
     (:team, :lan, 6), (:team, :minh, 6), (:pair, :hoa, 2), (:team, :kim, 6), (:desk, :kim, 2)`,
  `insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at, deleted_at, deleted_by) values
     (:kims_deleted, :team, 1, 2, :kim, gen_random_uuid(), '', now(), now(), :kim),
     (:quans, :team, 2, 3, :quan, gen_random_uuid(), 'bye', now(), null, null),
     (:kims, :team, 3, 5, :kim, gen_random_uuid(), '!', now(), null, null),
     (:hello, :team, 4, 6, :minh, gen_random_uuid(), 'hello', now(), null, null),
     (:secret, :pair, 1, 2, :hoa, gen_random_uuid(), 'secret', now(), null, null),
     (:hoas, :pair, 2, 6, :hoa, gen_random_uuid(), 'more', now(), null, null),
     (:kims_old, :desk, 1, 2, :kim, gen_random_uuid(), 'off', now(), null, null),
     (:mais, :desk, 2, 3, :mai, gen_random_uuid(), 'noted', now(), null, null)`,
  `insert into app.message_words
     select m.conversation_id, m.seq, m.id, m.created_at, app.search_terms(m.conversation_id, m.body)
     from app.messages m where m.id in (:quans, :hello, :secret, :hoas, :kims_old)`,
  `insert into app.search_states values (:team, 6), (:pair, 6), (:desk, 2)`,
  `insert into app.conversation_events (conversation_id, seq, kind, actor_id, created_at) values
     (:team, 1, 'conv', :lan, now()), (:team, 4, 'member', :quan, now()), (:pair, 1, 'conv', :minh, now())`,
  `insert into app.message_edits values
     (:team, 3, 0, 'by', now()), (:team, 5, 0, 'sow', now()), (:team, 6, 0, 'helo', now()),
     (:pair, 2, 0, 'secre', now()), (:pair, 6, 0, 'mor', now()),
     (:desk, 2, 0, 'of', now()), (:desk, 3, 0, 'not', now())`,
  `insert into app.message_reactions values
     (:team, 3, :lan, '+', now()), (:team, 6, :lan, '+', now()), (:team, 6, :hoa, '+', now()),
     (:pair, 2, :minh, '+', now()), (:desk, 2, :mai, '+', now()), (:desk, 3, :mai, '+', now()),
     (:desk, 3, :kim, '+', now())`,
  `insert into app.message_mentions values
     (:team, :lan, 3), (:team, :hoa, 3), (:team, :lan, 6), (:team, :hoa, 6), (:pair, :minh, 2),
     (:pair, :hoa, 6), (:desk, :mai, 2), (:desk, :kim, 3)`,
  `insert into app.pinned_messages values
     (:team, 3, :lan, now()), (:team, 5, :lan, now()), (:team, 6, :lan, now()), (:pair, 2, :hoa, now()),
     (:desk, 2, :mai, now()), (:desk, 3, :mai, now())`,
  `insert into app.thread_states values
     (:team, 3, :lan), (:team, 6, :hoa), (:team, 6, :kim), (:pair, 2, :minh), (:desk, 3, :kim)`,
  `insert into app.blocks values (:lan, :quan, now()), (:minh, :lan, now())`,
  `insert into app.reports (id, reporter_id, reported_id, conversation_id, message_id, message_seq, reason, note, snapshot, created_at, state, resolved_by, resolved_at) values
     (:lans_report, :lan, :minh, :team, :hello, 6, 'spam', '', '[]', now(), 'open', null, null),
     (:kims_report, :lan, :kim, :team, :kims_deleted, 2, 'spam', '', '[]', now(), 'open', null, null),
     (:mais_report, :kim, :mai, :another, :fresh, 1, 'spam', '', '[]', now(), 'open', null, null),
     (:judged_report, :minh, :hoa, :pair, :secret, 2, 'spam', '', '[]', now(), 'resolved', :anh, now()),
     (:old_report, :hoa, :mai, :team, :quans, 3, 'spam', '', '[]', now() - interval '182 days', 'resolved', :anh, now() - interval '181 days')`,
  `insert into app.conversation_bans values (:team, :quan, :lan, now()), (:eves_club, :minh, :eve, now())`,
  `insert into app.user_streams values (:lan, 2), (:minh, 1)`,
  `insert into app.user_events values
     (:lan, 1, 'notif', '{}', now() - interval '31 days'), (:lan, 2, 'notif', '{}', now()),
     (:minh, 1, 'notif', '{}', now())`,
  `insert into app.presence_settings (user_id) values (:lan), (:minh)`,
  `insert into app.bus_outbox (id, channel) values (:row, 'c:x')`,
  `insert into app.totp_secrets (user_id, key_id, sealed, created_at, confirmed_at) values
     (:lan, 'k', '\\x01', now(), now()), (:minh, 'k', '\\x02', now(), null)`,
  `insert into app.recovery_codes values (:lan, '\\x01'), (:lan, '\\x02'), (:minh, '\\x03')`,
  `insert into app.dev_secrets values ('name', 'value')`,
  `insert into app.job_outbox (id, queue, kind, version, payload, max_attempts)
     values (:job, 'default', 'x', 1, '{}', 3)`,
  `insert into app.job_outbox_head values ('default', 1)`,
];

/** Fills a new database, or the one that RLS_DATABASE_URL names and that somebody has weakened on purpose. */
export async function openWorld(): Promise<World> {
  const given = Bun.env["RLS_DATABASE_URL"];
  const world = given === undefined ? await openTestDatabase() : openGiven(new URL(given));
  const [someone] = await world.sql`select 1 from app.users limit 1`;
  if (!someone) await world.sql.unsafe(ROWS.map(withIds).join(";")).simple();
  return world;
}

function openGiven(url: URL): World {
  const sql = connect(url);
  return { url, sql, [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) };
}
