export { createDirectiveHandler, type DirectiveWork } from "./directives-wire.ts";
export { type Enrolment, enrol } from "./enrol-wire.ts";
export { type MitigatorLink, openMitigatorLink } from "./mitigator-link-wire.ts";
export { keepRefusal, type Pins } from "./pins.ts";
