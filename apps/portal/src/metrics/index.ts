export { meterPortal, type PortalMeter } from "./meter-portal-routes.ts";
