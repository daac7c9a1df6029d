/** Bundles the server. Half of what a start costs is finding and reading 1,500 modules, and tests start it hundreds of times. */
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");

/**
 * Bundles the process and its worker thread into a folder that is laid out as the repository is, so that they find each
 * other and the migrations by the same paths. Names stay as they are, because Elysia reads the text of functions.
 * @returns the path of `main.ts`.
 */
export async function bundleServer(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const name of ["drizzle", "node_modules"])
    await symlink(join(ROOT, name), join(folder, name));
  await Bun.build({
    entrypoints: ["main.ts", "worker.ts"].map((name) => join(ROOT, "src", name)),
    outdir: join(folder, "src"),
    naming: { entry: "[name].ts" },
    target: "bun",
    // The page's files are read from where they are installed; the path of a copied one would depend on the folder of the start.
    external: ["swagger-ui-dist/*"],
    splitting: true,
    sourcemap: "linked",
  });
  return join(folder, "src", "main.ts");
}
