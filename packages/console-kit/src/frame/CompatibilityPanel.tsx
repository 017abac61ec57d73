import { COMPATIBILITY } from "@tms/records";
import type { ReactNode } from "react";
import { useKitWords } from "../words/kit-words.ts";
import { Panel } from "./Panel.tsx";

/** Which versions work together; both consoles show the same list. */
export function CompatibilityPanel(props: { note: ReactNode }): ReactNode {
  const words = useKitWords();
  const text = ({ from, to }: { from: string; to: string }) =>
    from === to ? from : words("compatibility.span", { from, to });
  return (
    <Panel title={words("compatibility.title")}>
      <p className="tms-small" style={{ marginTop: 0 }}>
        {props.note}
      </p>
      <div className="tms-table-scroll">
        <table className="tms-table">
          <thead>
            <tr>
              <th scope="col">{words("compatibility.portal")}</th>
              <th scope="col">{words("compatibility.mitigators")}</th>
              <th scope="col">{words("compatibility.agents")}</th>
              <th scope="col">{words("compatibility.protocol")}</th>
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
