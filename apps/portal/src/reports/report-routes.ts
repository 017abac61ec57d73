import { incidentReportPath } from "@tms/contracts/portal";
import { AppError } from "@tms/records";
import type { Audit } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import type { createMakeReport } from "./make-report.ts";

const REPORT: object = {
  identity: { kind: "session", roles: ["administrator", "expert"] },
  limit: { bodyBytes: 0, perMinute: 60 },
};

/** The file's own style and nothing else: no script, no load, so that what slipped through escaping could do nothing. */
const REPORT_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

export function registerReportRoute(
  app: FastifyInstance,
  deps: { makeReport: ReturnType<typeof createMakeReport>; audit: Audit },
): void {
  app.get(incidentReportPath, { config: REPORT }, async (request, reply) => {
    const { id, format } = request.params as { id: string; format: string };
    if (format !== "html" && format !== "pdf") throw new AppError("request.not_found");
    const made = await deps.makeReport(id, format);
    await deps.audit.write({
      actor: request.session?.userName ?? "unknown",
      action: "report.made",
      subject: made.fileName,
      detail: { format, note: made.note },
    });
    if (made.note !== null) reply.header("x-tms-note", made.note);
    return reply
      .header("content-security-policy", REPORT_POLICY)
      .header("content-disposition", `${format === "html" ? "inline" : "attachment"}; filename="${made.fileName}"`)
      .header("cache-control", "no-store")
      .type(format === "html" ? "text/html; charset=utf-8" : "application/pdf")
      .send(made.bytes);
  });
}
