export { NotReachable } from "./schema.ts";
export { assertReachable, holdPair, isReachable, listReachable } from "./service/reach.ts";
export { BLOCK_DATA } from "./service/personal_data.ts";
