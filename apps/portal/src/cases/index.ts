export { createAdvanceCase } from "./advance-case.ts";
export { type Case, caseShortId, turnOf } from "./case.ts";
export { type CaseRouteDeps, caseHandlers, registerCaseRoutes } from "./case-routes.ts";
export { type CaseStore, createCaseStore } from "./case-store.ts";
export { signCommand } from "./expert-commands.ts";
export { createPutCase } from "./put-case.ts";
