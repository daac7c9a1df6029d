export { changeUser } from "./service/changes.ts";
