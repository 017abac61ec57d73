export { meterPortal, type PortalMeter } from "./meter-portal.ts";
