import { Button } from "@mantine/core";
import { Panel, TimeAbsolute } from "@tms/console-kit";
import type { IncidentDetail } from "@tms/contracts/portal";
import type { ReactNode } from "react";
import { useWords } from "../words.ts";

/** The report as a file, made from today's data. */
export function ReportPanel(props: { incident: IncidentDetail }): ReactNode {
  const words = useWords();
  const { report, id } = props.incident;
  const address = (format: "pdf" | "html") => report[format] ?? `/api/v1/incidents/${id}/report.${format}`;
  return (
    <Panel
      title={words("report.title")}
      right={
        <span className="tms-small">
          {report.madeAt === null
            ? words("report.now")
            : words.rich("report.made", { time: <TimeAbsolute at={report.madeAt} /> })}
        </span>
      }
    >
      <div className="tms-row">
        <Button variant="default" component="a" href={address("pdf")} target="_blank" rel="noreferrer">
          {words("report.pdf")}
        </Button>
        <Button variant="default" component="a" href={address("html")} target="_blank" rel="noreferrer">
          {words("report.html")}
        </Button>
      </div>
      <p className="tms-small" style={{ marginTop: 8 }}>
        {words("report.why")}
      </p>
    </Panel>
  );
}
