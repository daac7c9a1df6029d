import { eq, isNotNull } from "drizzle-orm";

import type { Locale } from "../../../platform/errors.ts";
import type { WorkerPlatform } from "../../../platform/platform.ts";
import { accounts, users } from "../tables.ts";

export interface Addressee {
  name: string;
  address: string;
  locale: Locale;
  /** Whether mail is known to reach them there. */
  isProven: boolean;
}

/**
 * How a mail calls its reader, who may be a stranger where the address is not proven: anybody may have registered with
 * it, and would have us carry whatever they call themselves to whomever they like.
 */
export function calledInMail({
  name,
  locale,
  isProven,
}: Pick<Addressee, "name" | "locale" | "isProven">): string {
  return isProven ? name : STRANGER[locale];
}

const STRANGER: Record<Locale, string> = { vi: "bạn", en: "there" };

/** Whom a mail to a user goes to; undefined for a user who is gone by now. */
export async function findAddressee(
  platform: WorkerPlatform,
  userId: string,
): Promise<Addressee | undefined> {
  const [user] = await platform.db.run({ role: "system" }, (tx) =>
    tx
      .select({
        name: users.displayName,
        address: accounts.email,
        locale: accounts.locale,
        isProven: isNotNull(accounts.emailVerifiedAt).mapWith(Boolean),
      })
      .from(users)
      .innerJoin(accounts, eq(accounts.userId, users.id))
      .where(eq(users.id, userId)),
  );
  return user;
}
