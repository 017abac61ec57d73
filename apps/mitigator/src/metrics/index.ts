export { type MitigatorFigures, meterMitigator } from "./meter-mitigator-routes.ts";
