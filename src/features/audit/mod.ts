export { AuditPage } from "./schema.ts";
export { listAudit, recordAudit } from "./service.ts";
