import { bytesText, Copyable, ForeignText, Pairs, Panel, plainFact, TimeAbsolute, ToneShape } from "@tms/console-kit";
import type { CaseDetail } from "@tms/contracts/portal";
import type { ReactNode } from "react";
import { useWords } from "../words.ts";
import { whoOf } from "./CaseTimeline.tsx";

type Found = CaseDetail["packages"][number];

/** The forensic package and who had it when. It is opened with an expert's own key, never here. */
export function PackagePanel(props: { found: Found; product: CaseDetail["product"] }): ReactNode {
  const words = useWords();
  const { found } = props;
  const tone = found.state === "complete" ? "ok" : found.state === "failed" ? "fail" : "move";
  return (
    <Panel
      title={words("package.title")}
      icon={<ToneShape tone={tone} />}
      note={words("package.note", {
        size: bytesText(found.sizeBytes),
        recipients: words("package.recipients", { count: found.recipients.length }),
      })}
      padded={false}
    >
      <div style={{ padding: "12px 16px" }}>
        <Pairs
          pairs={[
            [
              words("package.state"),
              words(`package.${found.state}`, {
                received: bytesText(found.receivedBytes),
                size: bytesText(found.sizeBytes),
              }),
            ],
            ["SHA-256", <Copyable key="s" text={found.sha256} what="SHA-256" truncate="hash" />],
          ]}
        />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls sideways must be reachable by keyboard. */}
      <section className="tms-table-scroll" aria-label={words("package.custody")} tabIndex={0}>
        <table className="tms-table">
          <thead>
            <tr>
              <th scope="col">{words("package.custody")}</th>
              <th scope="col">{words("package.what")}</th>
              <th scope="col">{words("package.who")}</th>
              <th scope="col">{words("package.entry")}</th>
            </tr>
          </thead>
          <tbody>
            {found.custody.map((entry) => (
              <tr key={entry.hash}>
                <td>
                  <TimeAbsolute at={entry.at} />
                </td>
                <td>
                  {words(`custody.${entry.action}`)}
                  {entry.detail === "" ? null : (
                    <span className="tms-cell-second">
                      <ForeignText text={plainFact(entry.detail)} />
                    </span>
                  )}
                </td>
                <td>
                  <ForeignText text={whoOf(entry.who, props.product)} />
                </td>
                <td>
                  <Copyable text={entry.hash} what={words("package.entry")} truncate="hash" />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Panel>
  );
}
