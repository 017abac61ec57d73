import { sessionRoutes } from "../console.ts";
import { mitigationRoutes } from "./mitigation.ts";
import { portalConnectionRoutes } from "./portal-connection.ts";
import { proxySettingsRoutes } from "./proxy-settings.ts";

/** Every JSON route of the mitigator's console. */
export const mitigatorRoutes = {
  ...sessionRoutes,
  ...portalConnectionRoutes,
  ...proxySettingsRoutes,
  ...mitigationRoutes,
};

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
  BANDWIDTHS,
  type ConnectionTest,
  connectionTestSchema,
  DEFAULT_FREQUENCY,
  FREQUENCIES,
  type Frequency,
  type PortalConnection,
  type PortalSettings,
  portalConnectionRoutes,
  portalConnectionSchema,
  portalSettingsSchema,
  type ReadDetails,
  TEST_STEPS,
  testStepSchema,
} from "./portal-connection.ts";
export {
  type ProxySettings,
  type ProxyView,
  proxySettingsRoutes,
  proxySettingsSchema,
  proxyViewSchema,
} from "./proxy-settings.ts";
