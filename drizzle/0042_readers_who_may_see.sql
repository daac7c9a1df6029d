-- Nobody has read a message that they may not see, however far they have read behind it.
create or replace function app.count_readers(conversation uuid, message bigint, sender uuid) returns integer
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
  as $$
    select count(*)::integer
    from app.conversation_members m
    join app.conversation_states s on s.conversation_id = m.conversation_id and s.user_id = m.user_id
    where m.conversation_id = conversation and m.left_seq is null and m.user_id <> sender
      and s.public_read_seq >= message and m.visible_from <= message
      and app.conversation_role(conversation) is not null
  $$;
