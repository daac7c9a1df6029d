import { defineConfig } from "drizzle-kit";

/** Reads the tables where they stand; `bun run db:generate` writes the difference as a new migration. */
export default defineConfig({
  dialect: "postgresql",
  schema: [
    "./src/platform/tables.ts",
    "./src/features/*/tables.ts",
    "./src/features/*/tables/*.ts",
  ],
  out: "./drizzle",
  casing: "snake_case",
  schemaFilter: ["app"],
});
