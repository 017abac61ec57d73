import { sessionRoutes } from "../console.ts";
import { mitigationRoutes } from "./mitigation.ts";
import { portalConnectionRoutes } from "./portal-connection.ts";

/** Every JSON route of the mitigator's console. */
export const mitigatorRoutes = { ...sessionRoutes, ...portalConnectionRoutes, ...mitigationRoutes };

export {
  type EndpointRow,
  endpointRowSchema,
  type Home,
  homeSchema,
  type MitigatorCase,
  type MitigatorDeployment,
  mitigationRoutes,
  mitigationSettingsSchema,
  mitigatorCaseSchema,
  mitigatorDeploymentSchema,
} from "./mitigation.ts";
export {
  type ConnectionTest,
  connectionTestSchema,
  type PortalConnection,
  type PortalSettings,
  portalConnectionRoutes,
  portalConnectionSchema,
  portalSettingsSchema,
  TEST_STEPS,
  testStepSchema,
} from "./portal-connection.ts";
