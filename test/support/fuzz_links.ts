import { call, signUp } from "./client.ts";
import type { Exchange } from "./fuzz_oracle.ts";
import type { Cluster, Instance } from "./instance.ts";
import { linkTo } from "./mailed_links.ts";

/** Tokens that were really mailed, by what their links are for; the next one of each is the first. */
export type Links = Record<"verify" | "reset" | "change", string[]>;

/** A seed asks for each about thirty times, so most meet tokens that are used up. */
const PEOPLE = 4;
const WELCOME = /^(?:Chào mừng|Welcome)/;
const RESET = /Đặt mật khẩu mới|Set a new password/;
const ALLOW = /đổi địa chỉ email\?|address change\?/;
const CONFIRM = /^(?:Xác nhận địa chỉ email mới|Confirm your new e-mail address)$/;
const NEVER_MAILED = "frv1_made-up";

/** Has links mailed to people who take no other part. The worker that mails them has ended before anything is tried. */
export async function mailLinks(
  cluster: Cluster,
  { url }: Instance,
  env: Record<string, string>,
): Promise<Links> {
  await using worker = await cluster.start({ ...env, ROLE: "worker" });
  const links: Links = { verify: [], reset: [], change: [] };
  const turns = Array.from({ length: PEOPLE }, async () => {
    const [lan, minh] = await Promise.all([signUp(url, "Lan"), signUp(url, "Minh")]);
    const fresh = `new.${minh.email}`;
    const [verify] = await Promise.all([
      linkTo(cluster.dataDir, lan.email, WELCOME),
      call("POST", `${url}/v1/account/password/forgotten`, { body: { email: lan.email } }),
      call("POST", `${url}/v1/account/email`, { token: minh.token, body: { email: fresh } }),
    ]);
    const [reset, old, confirm] = await Promise.all([
      linkTo(cluster.dataDir, lan.email, RESET),
      linkTo(cluster.dataDir, minh.email, ALLOW),
      linkTo(cluster.dataDir, fresh, CONFIRM),
    ]);
    links.verify.push(verify);
    links.reset.push(reset);
    // An account moves with the second of the two.
    links.change.push(old, confirm);
  });
  await Promise.all(turns);
  await worker.stop();
  return links;
}

/** Hands the tokens out one after the other, each until it was accepted. */
export function openLinks(links: Links) {
  let spent = NEVER_MAILED;
  return {
    all: Object.values(links).flat(),
    /** What `link.` and a purpose stands for, or `link.spent`; undefined for every other name. */
    find: (name: string): string | undefined => {
      const [kind, purpose = ""] = name.split(".");
      if (kind !== "link") return undefined;
      return (links as Record<string, string[]>)[purpose]?.[0] ?? spent;
    },
    note: ({ wire, got }: Exchange): void => {
      if (got.status >= 300) return;
      for (const pool of Object.values(links)) {
        const [next] = pool;
        if (next === undefined || !wire.body?.includes(next)) continue;
        spent = next;
        pool.shift();
      }
    },
  };
}
