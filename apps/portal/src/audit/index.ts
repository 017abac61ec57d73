export { registerAuditRoute } from "./audit-routes.ts";
