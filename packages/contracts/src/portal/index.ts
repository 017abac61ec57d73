import { sessionRoutes } from "../console.ts";
import { portalAccessRoutes } from "./access.ts";
import { caseRoutes } from "./cases.ts";
import { customerRoutes } from "./customers.ts";
import { incidentRoutes } from "./incidents.ts";
import { patternRoutes } from "./patterns.ts";
import { productRoutes } from "./products.ts";

/** Every JSON route of the portal's console. */
export const portalRoutes = {
  ...sessionRoutes,
  ...portalAccessRoutes,
  ...customerRoutes,
  ...productRoutes,
  ...caseRoutes,
  ...patternRoutes,
  ...incidentRoutes,
};

export { portalAccessRoutes } from "./access.ts";
export {
  type CaseDetail,
  type CaseRow,
  caseDetailSchema,
  caseRoutes,
  caseRowSchema,
  custodyEntrySchema,
  packageDownloadPath,
  packageViewSchema,
  timelineEntrySchema,
} from "./cases.ts";
export {
  type CustomerKeys,
  type CustomerRow,
  customerKeysSchema,
  customerRoutes,
  customerRowSchema,
} from "./customers.ts";
export {
  type IncidentDetail,
  type IncidentRow,
  incidentDetailSchema,
  incidentReportPath,
  incidentRoutes,
  incidentRowSchema,
} from "./incidents.ts";
export {
  deploymentViewSchema,
  type PatternCheck,
  type PatternDetail,
  type PatternRow,
  type PatternSigning,
  patternCheckSchema,
  patternDetailSchema,
  patternRoutes,
  patternRowSchema,
  patternSigningSchema,
} from "./patterns.ts";
export { type ProductHistory, productHistorySchema } from "./product-history.ts";
export {
  type Completeness,
  completenessSchema,
  type ProductRow,
  type ProductView,
  productRoutes,
  productRowSchema,
  productViewSchema,
} from "./products.ts";
