export { DEMO_PASSWORD, DEMO_USERS, seedDemo } from "./service.ts";
