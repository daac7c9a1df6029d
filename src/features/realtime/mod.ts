export { authenticateSocket } from "./service.ts";
