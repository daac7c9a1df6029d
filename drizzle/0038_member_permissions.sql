CREATE POLICY "members_owner_update" ON "app"."conversation_members" AS PERMISSIVE FOR UPDATE TO "frm_owner" USING (true);--> statement-breakpoint
-- What all plain members and moderators of a conversation may do, by one who may change its settings. The bits that each
-- of the two may have stand here again, so that nobody makes an admin of somebody by this.
create function app.give_permissions(conversation uuid, member integer, moderator integer) returns integer
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
  as $$
    with changed as (
      update app.conversation_members m
      set permissions = case when m.role = 'member' then member else moderator end
      where m.conversation_id = conversation and m.left_seq is null and m.role in ('member', 'moderator')
        and member & ~1087 = 0 and moderator & ~767 = 0
        and app.conversation_permissions(conversation) & 256 <> 0
      returning 1
    )
    select count(*)::integer from changed
  $$;--> statement-breakpoint
revoke execute on function app.give_permissions(uuid, integer, integer) from public;--> statement-breakpoint
grant execute on function app.give_permissions(uuid, integer, integer) to frm_app;
