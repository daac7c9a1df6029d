import { afterAll } from "bun:test";

import { closeTestServices } from "./services.ts";

// Nothing is started here: a test that needs Postgres or Redis asks `testServices()` for them.
afterAll(closeTestServices);
