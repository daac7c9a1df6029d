export { AuditPage } from "./schema.ts";
export { listAudit, recordAudit } from "./service.ts";
export { AUDIT_DATA } from "./service/personal_data.ts";
