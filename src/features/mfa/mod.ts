export { TotpInvalid, TotpRequired } from "./schema.ts";
export { MFA_DATA } from "./service/personal_data.ts";
export { resealSecrets } from "./service/sealing.ts";
export { lockTotp, proveSecondFactor } from "./service/second_factor.ts";
