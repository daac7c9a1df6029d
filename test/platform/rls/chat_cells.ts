import type { Coverage } from "./cells.ts";

const NEW_CONVERSATION =
  "insert into app.conversations (id, kind, direct_key, created_by, last_seq, last_event_at, created_at) values";
const TOUCH = "update app.conversations set last_seq = 9, last_no = 9, last_event_at = now()";

/** Seen and moved on by who is in it; until its first event has followed, its creator sees it too. */
export const conversations: Coverage = {
  policies: [
    "conversations_app_select select app",
    "conversations_app_insert insert app",
    "conversations_app_update update app",
    "conversations_owner_select select owner",
    "conversations_system_select select system",
    "conversations_system_append update system",
    "conversations_system_delete delete system",
  ],
  grants: {
    app: "select insert update(last_seq last_no last_event_at member_count)",
    system: "select update(last_seq last_event_at) delete",
  },
  cells: [
    ["lan", "select * from app.conversations", 2],
    ["lan", "select * from app.conversations where id = :pair", 0],
    ["minh", "select * from app.conversations", 2],
    ["quan", "select * from app.conversations", 0],
    ["eve", "select * from app.conversations where id in (:eves_new, :eves_direct)", 2],
    ["eve", "select * from app.conversations where id = :eves_old", 0],
    ["eve", "select * from app.conversations where created_by <> :eve", 0],
    ["nobody", "select * from app.conversations", 0],
    ["lan", `${NEW_CONVERSATION} (:fresh, 'group', null, :lan, 1, now(), now())`, 1],
    ["lan", `${NEW_CONVERSATION} (:fresh, 'group', null, :minh, 1, now(), now())`, "refused"],
    [
      "lan",
      `${NEW_CONVERSATION} (:fresh, 'direct', concat(:lan, ':', :hoa), :lan, 1, now(), now())`,
      1,
    ],
    [
      "lan",
      `${NEW_CONVERSATION} (:fresh, 'direct', concat(:quan, ':', :eve), :lan, 1, now(), now())`,
      "refused",
    ],
    ["nobody", `${NEW_CONVERSATION} (:fresh, 'group', null, :lan, 1, now(), now())`, "refused"],
    [
      "lan",
      `${NEW_CONVERSATION} (:team, 'group', null, :lan, 1, now(), now()) on conflict (id) do update set last_seq = 9`,
      1,
    ],
    [
      "lan",
      `${NEW_CONVERSATION} (:pair, 'group', null, :lan, 1, now(), now()) on conflict (id) do update set last_seq = 9`,
      "refused",
    ],
    ["lan", TOUCH, 2],
    ["lan", `${TOUCH} where id = :pair`, 0],
    ["hoa", TOUCH, 2],
    ["quan", TOUCH, 0],
    ["eve", TOUCH, 1],
    ["nobody", TOUCH, 0],
    ["lan", "update app.conversations set created_by = :eve", "denied"],
    ["lan", "update app.conversations set kind = 'group'", "denied"],
    ["lan", "update app.conversations set id = :fresh", "refused", "update"],
    ["lan", "delete from app.conversations where id = :team", "denied"],
    ["lan", "delete from app.conversations", 0, "delete"],
    ["auth", "select * from app.conversations", "denied"],
    ["system", "select * from app.conversations", 7],
    // Those in which nobody was who has an account that stays: in two of them nobody was, in one Minh.
    ["system", "delete from app.conversations", 3],
    ["system", "delete from app.conversations where id in (:team, :pair, :eves_club)", 0],
    ["system", TOUCH, "denied"],
    // Where something was reported and not judged yet, as in the team.
    ["system", "update app.conversations set last_seq = 9, last_event_at = now()", 1],
    ["system", "update app.conversations set id = :fresh where id = :team", "refused", "update"],
    ["public", "select * from app.conversations", "denied"],
  ],
};

const NEW_MEMBER =
  "insert into app.conversation_members (conversation_id, user_id, role, joined_seq) values";
const AGAIN =
  "on conflict (conversation_id, user_id) do update set joined_seq = 9, left_seq = null";
const LEAVE = "update app.conversation_members set left_seq = 9";
const MOVE = "update app.conversation_members set user_id = :eve, left_seq = 9";

/** The members of one's conversations; the creator brings in the first, admins the rest, and everybody may leave. */
export const conversationMembers: Coverage = {
  policies: [
    "members_app_select select app",
    "members_app_insert_creator insert app",
    "members_app_insert_admin insert app",
    "members_app_rejoin update app",
    "members_app_update_admin update app",
    "members_app_leave update app",
    "members_system_select select system",
    "members_owner_select select owner",
    "members_owner_update update owner",
  ],
  ownerSees: 12,
  grants: {
    app: "select insert update(joined_seq left_seq visible_from role permissions)",
    system: "select",
  },
  cells: [
    ["lan", "select * from app.conversation_members", 7],
    ["lan", "select * from app.conversation_members where conversation_id = :pair", 0],
    ["hoa", "select * from app.conversation_members", 7],
    ["quan", "select * from app.conversation_members", 1],
    ["eve", "select * from app.conversation_members", 2],
    ["nobody", "select * from app.conversation_members", 0],
    ["eve", `${NEW_MEMBER} (:eves_new, :eve, 'owner', 1), (:eves_new, :lan, 'member', 1)`, 2],
    [
      "eve",
      `${NEW_MEMBER} (:eves_direct, :eve, 'member', 1), (:eves_direct, :lan, 'member', 1)`,
      2,
    ],
    ["eve", `${NEW_MEMBER} (:eves_direct, :quan, 'member', 1)`, "refused"],
    ["eve", `${NEW_MEMBER} (:eves_old, :eve, 'owner', 1)`, "refused"],
    ["eve", `${NEW_MEMBER} (:team, :eve, 'member', 1)`, "refused"],
    ["lan", `${NEW_MEMBER} (:eves_new, :lan, 'member', 1)`, "refused"],
    ["lan", `${NEW_MEMBER} (:pair, :lan, 'member', 1)`, "refused"],
    ["lan", `${NEW_MEMBER} (:eves_club, :quan, 'member', 1)`, "refused"],
    ["minh", `${NEW_MEMBER} (:team, :eve, 'member', 9)`, 1],
    ["lan", `${NEW_MEMBER} (:team, :eve, 'member', 9)`, 1],
    ["minh", `${NEW_MEMBER} (:team, :eve, 'admin', 9)`, "refused"],
    ["lan", `${NEW_MEMBER} (:team, :eve, 'owner', 9)`, "refused"],
    ["hoa", `${NEW_MEMBER} (:team, :eve, 'member', 9)`, "refused"],
    ["kim", `${NEW_MEMBER} (:desk, :eve, 'member', 9)`, "refused"],
    ["hoa", `${NEW_MEMBER} (:pair, :eve, 'member', 9)`, "refused"],
    ["minh", `${NEW_MEMBER} (:team, :quan, 'member', 9) ${AGAIN}`, 1],
    ["quan", `${NEW_MEMBER} (:team, :quan, 'member', 9) ${AGAIN}`, "refused"],
    ["minh", `${LEAVE} where conversation_id = :team and user_id = :hoa`, 1],
    // Nobody takes the owner out, nor another admin; of the pair Minh takes himself out.
    ["minh", LEAVE, 4],
    ["minh", `${LEAVE} where role = 'owner'`, 0],
    ["lan", `${LEAVE} where user_id = :minh`, 1],
    ["hoa", LEAVE, 2],
    ["hoa", `${LEAVE} where user_id = :minh`, 0],
    ["quan", LEAVE, 0],
    ["quan", "update app.conversation_members set left_seq = null", 0],
    ["hoa", "update app.conversation_members set joined_seq = 0", "refused"],
    ["eve", LEAVE, 2],
    ["nobody", LEAVE, 0],
    ["hoa", "update app.conversation_members set role = 'owner'", "refused"],
    ["hoa", "update app.conversation_members set permissions = 1023", "refused"],
    ["lan", "update app.conversation_members set role = 'owner' where user_id = :hoa", 1],
    ["minh", "update app.conversation_members set role = 'moderator' where user_id = :hoa", 1],
    ["minh", "update app.conversation_members set role = 'owner' where user_id = :hoa", "refused"],
    // An admin makes nobody an admin, and changes neither the owner nor themselves.
    ["minh", "update app.conversation_members set role = 'admin' where user_id = :hoa", "refused"],
    ["minh", "update app.conversation_members set permissions = 0 where user_id = :lan", 0],
    [
      "minh",
      "update app.conversation_members set role = 'member' where conversation_id = :team and user_id = :minh",
      "refused",
    ],
    ["lan", "update app.conversation_members set role = 'admin' where user_id = :hoa", 1],
    // Who has left is brought back by those who may invite, as what anybody is who comes in.
    ["minh", "update app.conversation_members set left_seq = null where user_id = :quan", 1],
    ["hoa", "update app.conversation_members set left_seq = null where user_id = :quan", 0],
    [
      "minh",
      "update app.conversation_members set left_seq = null, role = 'admin' where user_id = :quan",
      "refused",
    ],
    // That is all that Kim may do, though her role is above theirs.
    ["kim", "update app.conversation_members set left_seq = null where user_id = :quan", 1],
    [
      "kim",
      "update app.conversation_members set left_seq = null, role = 'moderator' where user_id = :quan",
      "refused",
    ],
    ["kim", "update app.conversation_members set role = 'reader' where user_id = :hoa", 0],
    // Nobody gives what they have not; an owner has all there is.
    [
      "minh",
      "update app.conversation_members set permissions = 2048 where user_id = :hoa",
      "refused",
    ],
    [
      "minh",
      `${NEW_MEMBER.replace(") values", ", permissions) values")} (:team, :eve, 'member', 9, 2048)`,
      "refused",
    ],
    [
      "minh",
      "update app.conversation_members set left_seq = null, permissions = 2048 where user_id = :quan",
      "refused",
    ],
    ["quan", "update app.conversation_members set role = 'owner'", 0],
    [
      "lan",
      "update app.conversation_members set role = 'owner' where conversation_id = :eves_club",
      "refused",
    ],
    ["hoa", MOVE, "denied"],
    ["hoa", MOVE, "refused", "update"],
    ["lan", "update app.conversation_members set conversation_id = :eves_new", "refused", "update"],
    ["lan", "delete from app.conversation_members where user_id = :hoa", "denied"],
    ["lan", "delete from app.conversation_members", 0, "delete"],
    ["auth", "select * from app.conversation_members", "denied"],
    ["system", "select * from app.conversation_members", 12],
    ["system", LEAVE, "denied"],
    ["system", "update app.conversation_members set role = 'owner'", "denied"],
    ["system", "update app.conversation_members set role = 'owner'", 0, "update"],
    ["system", "delete from app.conversation_members", "denied"],
    ["public", "select * from app.conversation_members", "denied"],
  ],
};

const NEW_EVENT =
  "insert into app.conversation_events (conversation_id, seq, kind, actor_id, created_at) values";

/** A message of the team that staff has taken out. */
const DELETED =
  "insert into app.conversation_events (conversation_id, seq, kind, actor_id, created_at, message_seq) values (:team, 9, 'msg.del', :minh, now(), 6)";

/** As the messages: what has happened is read by members, added in one's own name, and never changed. */
export const conversationEvents: Coverage = {
  policies: [
    "events_app_select select app",
    "events_app_insert insert app",
    "events_system_select select system",
    "events_system_take_out insert system",
  ],
  grants: { app: "select insert", system: "select insert" },
  cells: [
    ["lan", "select * from app.conversation_events", 2],
    // Not what happened in the team before her time there.
    ["hoa", "select * from app.conversation_events", 2],
    ["hoa", "select * from app.conversation_events where conversation_id = :team and seq = 1", 0],
    ["lan", "select * from app.conversation_events where conversation_id = :pair", 0],
    ["quan", "select * from app.conversation_events", 0],
    ["eve", "select * from app.conversation_events", 0],
    ["nobody", "select * from app.conversation_events", 0],
    [
      "lan",
      "select seq from app.messages union all select seq from app.conversation_events order by seq",
      6,
    ],
    ["lan", `${NEW_EVENT} (:team, 9, 'conv', :lan, now())`, 1],
    ["lan", `${NEW_EVENT} (:team, 9, 'conv', :minh, now())`, "refused"],
    ["lan", `${NEW_EVENT} (:pair, 9, 'conv', :lan, now())`, "refused"],
    ["quan", `${NEW_EVENT} (:team, 9, 'conv', :quan, now())`, "refused"],
    ["eve", `${NEW_EVENT} (:eves_new, 9, 'conv', :eve, now())`, "refused"],
    ["nobody", `${NEW_EVENT} (:team, 9, 'conv', :lan, now())`, "refused"],
    ["minh", "update app.conversation_events set data = '{}'", "denied"],
    ["minh", "update app.conversation_events set data = '{}'", 0, "update"],
    ["minh", "delete from app.conversation_events", "denied"],
    ["minh", "delete from app.conversation_events", 0, "delete"],
    ["auth", "select * from app.conversation_events", "denied"],
    ["system", "select * from app.conversation_events", 3],
    ["system", DELETED, 1],
    ["system", DELETED.replace(", 6)", ", 3)"), "refused"],
    ["system", DELETED.replace("msg.del", "msg.edit"), "refused"],
    ["system", DELETED.replace(":team", ":pair"), "refused"],
    ["system", "delete from app.conversation_events", "denied"],
    ["public", "select * from app.conversation_events", "denied"],
  ],
};
