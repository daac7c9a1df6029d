/**
 * Breaks row-level security in one place after the other, and shows that to the proof of test/platform/rls: to the cells of
 * the table in a transaction, and to all of its tests in a database of its own where no cell has noticed.
 * `rls_mutations.ts` breaks everything, `rls_mutations.ts TEXT…` only what has one of the texts in its name. A break that
 * no test notices is a failure.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { openWorld, type World } from "../../test/platform/rls/world.ts";
import { openTestDatabase } from "../../test/support/database.ts";
import { closeTestServices, testServices } from "../../test/support/services.ts";
import { listMutants, type Mutant } from "./rls_mutants.ts";
import { findCell, findWrongCell } from "./rls_quick.ts";

const ROOT = join(import.meta.dir, "..", "..");
const fileOf = (name: string) => `./test/platform/rls/${name}.test.ts`;
/** What is about functions, and is tried first where one is broken. */
const FUNCTIONS = ["functions", "definers"].map(fileOf);
const PROOF = [fileOf("matrix"), ...FUNCTIONS, fileOf("claims")];
/** One proof takes a second; on a machine that others keep busy it may take a hundred times as long. */
const PROOF_LIMIT_MS = 180_000;
/** All proofs take some minutes on two idle cores. */
const RUN_LIMIT_MS = 30 * 60_000;
const INTACT: Mutant = { name: "nothing is broken", statement: "select 1" };
const FAILED = /^\(fail\) (.+?)(?: \[[\d.]+m?s\])?$/m;

/** Breaks that change nothing that anybody could do, because something else holds too; each says what. */
const MEMBERS_ONLY =
  "whoever is not in a conversation sees no present member of it, by the policy of the members; it makes one look of many";
const STAFF_ALONE =
  "whoever is neither admin nor moderator sees no account but their own, and may end their own sessions anyway";
const SEARCH =
  "app.find_messages(uuid,text[],text,text[],text[],uuid,timestamp with time zone,timestamp with time zone,uuid,integer)";
const HARMLESS: Record<string, string> = {
  "app.staff_role(): without a.user_id = app.user_id()":
    "the owner, as whom it runs, sees the acting user's account alone",
  "sessions_staff_update: using without (( SELECT app.staff_role() AS staff_role) = 'moderator'::text)":
    STAFF_ALONE,
  "settings_app_select: using without (app.conversation_role(conversation_id) IS NOT NULL)":
    "whoever has a role in a conversation sees it by its own policy, which is the other condition; this one is quicker",
  [`${SEARCH}: without m.conversation_id = cm.conversation_id`]:
    "what is found is asked for its conversation once more; this one finds what is not in the index yet without reading all",
  [`${SEARCH}: without m.deleted_at is null`]:
    "what is found is read where it stands, and left out there if it was deleted",
  ...Object.fromEntries(
    [
      "events_app_insert: with check",
      "messages_app_edit: using",
      "reactions_app_delete: using",
      "states_app_insert: with check",
      "states_app_update: using",
      "thread_states_app_update: using",
    ].map((clause) => [
      `${clause} without (m.user_id = ( SELECT app.user_id() AS user_id))`,
      MEMBERS_ONLY,
    ]),
  ),
};

interface Verdict {
  mutant: Mutant;
  /** The test that noticed; undefined when none did. */
  killer: string | undefined;
}

/** Asks what is near first, and the whole proof only about what that has not noticed. */
async function judge(mutant: Mutant, world: World): Promise<Verdict> {
  const killer =
    mutant.table === undefined ? await prove(mutant, FUNCTIONS) : await findCell(world.sql, mutant);
  return { mutant, killer: killer ?? (await prove(mutant, PROOF)) };
}

/**
 * Runs tests against a fresh database in which the mutant is at home. @returns the one that noticed.
 * @throws when the tests themselves do not run.
 */
async function prove(mutant: Mutant, files: string[]): Promise<string | undefined> {
  await using database = await openTestDatabase();
  await database.sql.unsafe(mutant.statement);
  const child = Bun.spawn([process.execPath, "--no-orphans", "test", "--bail=1", ...files], {
    cwd: ROOT,
    env: { ...process.env, RLS_DATABASE_URL: database.url.href },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: PROOF_LIMIT_MS,
  });
  const texts = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const output = Bun.stripANSI(texts.join("\n"));
  const code = await child.exited;
  const killer = FAILED.exec(output)?.[1];
  if (code === 0 ? killer !== undefined : killer === undefined || killer === "(unnamed)")
    throw new Error(
      `Cannot judge "${mutant.name}": the proof did not run\n${output.slice(-2_000)}`,
    );
  return killer;
}

/** Judges as many at once as there are cores, and begins no other when the time is over. */
async function judgeAll(mutants: Mutant[], deadline: number): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const waiting = mutants.values();
  async function work(): Promise<void> {
    // One for each, because a break locks what it breaks.
    await using world = await openWorld();
    for (const mutant of waiting) {
      if (performance.now() > deadline) return;
      const verdict = await judge(mutant, world);
      verdicts.push(verdict);
      console.log(formatVerdict(verdict));
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return verdicts;
}

function formatVerdict({ mutant, killer }: Verdict): string {
  const excuse = HARMLESS[mutant.name];
  if (killer !== undefined) return `killed    ${mutant.name}\n          by ${killer}`;
  return excuse === undefined
    ? `SURVIVED  ${mutant.name}`
    : `harmless  ${mutant.name}\n          ${excuse}`;
}

async function main(texts: string[]): Promise<number> {
  const startedAt = performance.now();
  await testServices();
  await using database = await openTestDatabase();
  const all = await listMutants(database.sql);
  const chosen = texts.length === 0 ? all : all.filter((mutant) => isChosen(mutant, texts));
  if (chosen.length === 0) {
    console.log(`Nothing of what could be broken is called ${texts.join(", ")}`);
    return 1;
  }
  const wrong = (await prove(INTACT, PROOF)) ?? (await findCellThatIsWrong());
  if (wrong !== undefined) {
    console.log(`The proof fails although nothing is broken: ${wrong}`);
    return 1;
  }
  const verdicts = await judgeAll(chosen, startedAt + RUN_LIMIT_MS);
  if (verdicts.length < chosen.length) {
    console.log(`Only ${verdicts.length} of ${chosen.length} were judged before the time was over`);
    return 1;
  }
  // Migrations that came while we were at it would have killed every break since then.
  if ((await prove(INTACT, PROOF)) !== undefined) {
    console.log("The proof fails now although nothing is broken: the migrations have changed");
    return 1;
  }
  const survivors = verdicts.filter((verdict) => isWrong(verdict));
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  for (const { mutant, killer } of survivors)
    console.log(
      killer === undefined
        ? `No test notices: ${mutant.name}: ${mutant.statement}`
        : `Called harmless, but noticed: ${mutant.name}`,
    );
  const stale = Object.keys(HARMLESS).filter((name) => !all.some((mutant) => mutant.name === name));
  for (const name of stale) console.log(`Called harmless, but gone: ${name}`);
  const killed = verdicts.filter(({ killer }) => killer !== undefined).length;
  console.log(
    `${verdicts.length} breaks of ${all.length}, ${killed} noticed, ${verdicts.length - killed - survivors.length} harmless, ${survivors.length + stale.length} wrong, ${seconds} s`,
  );
  return survivors.length + stale.length === 0 ? 0 : 1;
}

async function findCellThatIsWrong(): Promise<string | undefined> {
  await using world = await openWorld();
  return await findWrongCell(world.sql);
}

function isChosen({ name }: Mutant, texts: string[]): boolean {
  return texts.some((text) => name.includes(text));
}

function isWrong({ mutant, killer }: Verdict): boolean {
  return (killer === undefined) !== Object.hasOwn(HARMLESS, mutant.name);
}

const code = await main(process.argv.slice(2)).finally(closeTestServices);
process.exit(code);
