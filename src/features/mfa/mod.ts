export { TotpInvalid, TotpRequired } from "./schema.ts";
export { resealSecrets } from "./service/sealing.ts";
export { proveSecondFactor } from "./service/second_factor.ts";
