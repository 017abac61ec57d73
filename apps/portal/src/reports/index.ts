export { createMakeReport } from "./make-report.ts";
export { registerReportRoute } from "./report-routes.ts";
export { createReportStore, type ReportStore } from "./report-store.ts";
