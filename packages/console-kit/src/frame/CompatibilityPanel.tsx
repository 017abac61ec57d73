import { COMPATIBILITY } from "@tms/records";
import type { ReactNode } from "react";
import { Panel } from "./Panel.tsx";

interface CompatibilityWords {
  title: string;
  portal: string;
  mitigators: string;
  agents: string;
  protocol: string;
  /** Two versions as one span. */
  span(from: string, to: string): string;
}

/** Which versions work together; both consoles show the same list. */
export function CompatibilityPanel(props: { words: CompatibilityWords; note: ReactNode }): ReactNode {
  const { words } = props;
  const text = ({ from, to }: { from: string; to: string }) => (from === to ? from : words.span(from, to));
  return (
    <Panel title={words.title}>
      <p className="tms-small" style={{ marginTop: 0 }}>
        {props.note}
      </p>
      <div className="tms-table-scroll">
        <table className="tms-table">
          <thead>
            <tr>
              <th scope="col">{words.portal}</th>
              <th scope="col">{words.mitigators}</th>
              <th scope="col">{words.agents}</th>
              <th scope="col">{words.protocol}</th>
            </tr>
          </thead>
          <tbody>
            {COMPATIBILITY.map((row) => (
              <tr key={row.portal}>
                <td className="tms-mono tms-strong">{row.portal}</td>
                <td className="tms-mono">{text(row.mitigators)}</td>
                <td className="tms-mono">{text(row.agents)}</td>
                <td className="tms-mono">{row.protocol}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
