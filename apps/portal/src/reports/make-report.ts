import { AppError, type Clock, type CustomerId, type CustomerScope, type IncidentId } from "@tms/records";
import { sha256Of } from "@tms/signing";
import { htmlReport } from "./html-report.ts";
import { type ReportSource, reportOf } from "./incident-report.ts";
import type { ReportFormat, ReportStore } from "./report-store.ts";
import { typesetPdf } from "./typeset-pdf.ts";

export interface MakeReportDeps {
  incident(idOrShortId: string): Promise<{ scope: CustomerScope; detail: ReportSource & { id: IncidentId } }>;
  isExpired(customer: CustomerId): Promise<boolean>;
  reports: Pick<ReportStore, "noteMade">;
  putBlob(scope: CustomerScope, name: string, bytes: Uint8Array): Promise<string>;
  zone: string;
  clock: Clock;
}

export interface MadeReport {
  bytes: Buffer;
  format: ReportFormat;
  fileName: string;
  /** Said when the report is not all it should be. */
  note: string | null;
}

/**
 * Makes the incident's report from today's data.
 *
 * @throws {AppError} `incident.unknown`, `link.customer_expired` (an expired customer gets no reports), `report.failed`.
 */
export function createMakeReport(deps: MakeReportDeps) {
  return async function makeReport(idOrShortId: string, format: ReportFormat): Promise<MadeReport> {
    const { scope, detail } = await deps.incident(idOrShortId);
    if (await deps.isExpired(scope.customer)) throw new AppError("link.customer_expired", { customer: scope.customer });
    const report = reportOf(detail, { at: deps.clock.now(), zone: deps.zone });
    const made =
      format === "html" ? { bytes: Buffer.from(htmlReport(report), "utf8"), note: null } : await pdfOf(report);
    const blobKey = await deps.putBlob(scope, `reports/${detail.id}.${format}`, made.bytes);
    const sha256 = sha256Of(made.bytes);
    await deps.reports.noteMade(scope, { incident: detail.id, format, sha256, blobKey, note: made.note });
    return { ...made, format, fileName: `${detail.shortId}.${format}` };
  };
}

async function pdfOf(report: ReturnType<typeof reportOf>): Promise<{ bytes: Buffer; note: string | null }> {
  const { pdf, note } = await typesetPdf(report);
  return { bytes: pdf, note };
}
