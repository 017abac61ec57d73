export { type MitigatorFigures, meterMitigator } from "./meter-mitigator.ts";
