import { countText, ForeignText, Pairs, Panel, StateInline, ToneShape } from "@tms/console-kit";
import type { PatternCheck } from "@tms/contracts/portal";
import type { ReactNode } from "react";
import { useWords } from "../words.ts";
import { originText, verbText } from "./manifest-face.ts";

/** What the expert's own tool found: compiles, goodware, backtest, dry run. */
export function CheckPanel(props: { check: PatternCheck | null }): ReactNode {
  const words = useWords();
  const { check } = props;
  if (check === null) {
    return (
      <Panel title={words("check.title")}>
        <p className="tms-small">{words("check.none")}</p>
      </Panel>
    );
  }
  return (
    <Panel
      title={words("check.title")}
      note={words("check.note")}
      right={
        <StateInline
          state={check.ok ? { text: words("check.ok"), tone: "ok" } : { text: words("check.failed"), tone: "fail" }}
        />
      }
      padded={false}
    >
      <div style={{ padding: "12px 16px" }}>
        <Pairs
          pairs={[
            [
              words("check.rules"),
              words("check.rulesFound", {
                compiled: check.rules.compiled,
                slow: check.rules.slow,
                count: check.rules.compiled,
              }),
            ],
            [
              words("check.goodware"),
              words("check.goodwareFound", {
                hits: check.goodware.hits,
                files: countText(check.goodware.files),
                count: check.goodware.hits,
              }),
            ],
            [
              words("check.backtest"),
              check.backtest.skipped === "" ? (
                words("check.backtestFound", {
                  records: countText(check.backtest.records),
                  count: check.backtest.endpoints,
                })
              ) : (
                <ForeignText key="b" text={check.backtest.skipped} />
              ),
            ],
          ]}
        />
      </div>
      <ul className="tms-list" style={{ borderTop: "1px solid var(--tms-line)" }}>
        {check.diagnostics.map((found) => (
          <li key={`${found.file}:${found.line}:${found.column}:${found.code}`}>
            <ToneShape tone={found.severity === "error" ? "fail" : "wait"} />
            <span>
              <ForeignText text={found.message} />. {found.cure}
              <span className="tms-cell-second tms-mono">
                <ForeignText text={`${found.file}:${found.line}:${found.column}`} mono /> {found.code}
              </span>
            </span>
          </li>
        ))}
        {check.dryRun.map((step) => (
          <li key={step.step}>
            <ToneShape tone={step.found ? "ok" : "still"} still="away" />
            <span>
              {verbText(step.verb)}{" "}
              <ForeignText text={originText(step.target)} mono={originText(step.target) === step.target} />
              <span className="tms-cell-second">{words(step.found ? "check.dryFound" : "check.dryNotFound")}</span>
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
