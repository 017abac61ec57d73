import { Button } from "@mantine/core";
import { CopyButton, ForeignText, plainFact, type ShapeKind, StateInline, ToneShape, useClock } from "@tms/console-kit";
import type { ConnectionTest } from "@tms/contracts/mitigator";
import type { StateRow } from "@tms/records";
import { type ReactNode, useEffect, useRef } from "react";
import { useWords } from "../words.ts";

/** A test ends after this time at most; the server holds the same bound. */
const TEST_LIMIT_MS = 30_000;

const ONE_COLUMN_BELOW = 1100;

type Step = ConnectionTest["lanes"]["logServer"][number];

/** A cure that the page itself can apply to the form. */
export interface FormCure {
  label: string;
  apply(): void;
}

interface TestPanelProps {
  test: ConnectionTest | null;
  /** False once the form holds other values than were tested. */
  sameValues: boolean;
  protocol: "ssh" | "ssl";
  logServer: string;
  statusServer: string;
  cureOf(lane: "logServer" | "statusServer", step: Step): FormCure | null;
}

/** Test Connection: two lanes at once, each step with its result, time and cure. */
export function TestPanel(props: TestPanelProps): ReactNode {
  const words = useWords();
  const { test } = props;
  const panel = useRef<HTMLElement>(null);
  const id = test?.id;
  // Where the columns stand above each other, the button is at the foot and the result out of sight.
  useEffect(() => {
    if (id !== undefined && window.innerWidth < ONE_COLUMN_BELOW) panel.current?.scrollIntoView({ block: "start" });
  }, [id]);
  return (
    <section ref={panel} className="tms-panel" aria-label={words("test.title")}>
      <header className="tms-panel-head">
        <div className="tms-row">
          <h2>{words("test.title")}</h2>
          <span className="tms-small">{words("test.savesNothing")}</span>
        </div>
        {test === null ? null : <TestState test={test} sameValues={props.sameValues} />}
      </header>
      {test === null ? (
        <p className="tms-panel-body tms-small">{words("test.notRun")}</p>
      ) : (
        <>
          <Progress test={test} />
          <div className={props.sameValues ? undefined : "tms-dimmed"}>
            <Lane
              {...props}
              lane="logServer"
              steps={test.lanes.logServer}
              title={words("portal.logServer")}
              target={words(props.protocol === "ssh" ? "test.sshTo" : "test.tlsTo", { target: props.logServer })}
            />
            <Lane
              {...props}
              lane="statusServer"
              steps={test.lanes.statusServer}
              title={words("portal.statusServer")}
              target={words("test.tlsTo", { target: props.statusServer })}
            />
          </div>
        </>
      )}
    </section>
  );
}

function TestState(props: { test: ConnectionTest; sameValues: boolean }): ReactNode {
  const words = useWords();
  const { test } = props;
  const elapsed = useElapsed(test);
  const state: StateRow =
    test.finishedAt === null
      ? { text: words("test.running"), tone: "move" }
      : test.ok
        ? { text: words("test.passed"), tone: "ok" }
        : { text: words("test.failed"), tone: "fail" };
  return (
    <span className="tms-row" aria-live="polite">
      <StateInline state={state} />
      <span className="tms-small tms-tabular">
        {test.finishedAt === null
          ? words("test.elapsed", { seconds: (elapsed / 1000).toFixed(0), limit: TEST_LIMIT_MS / 1000 })
          : words("test.took", { seconds: (elapsed / 1000).toFixed(1) })}
        {props.sameValues ? "" : ` ${words("test.otherValues")}`}
      </span>
    </span>
  );
}

function useElapsed(test: ConnectionTest): number {
  const { now } = useClock();
  const end = test.finishedAt === null ? now.getTime() : new Date(test.finishedAt).getTime();
  return Math.max(0, Math.min(TEST_LIMIT_MS, end - new Date(test.startedAt).getTime()));
}

function Progress(props: { test: ConnectionTest }): ReactNode {
  const elapsed = useElapsed(props.test);
  if (props.test.finishedAt !== null) return null;
  return (
    <div className="tms-progress" aria-hidden="true">
      <div style={{ width: `${(elapsed / TEST_LIMIT_MS) * 100}%` }} />
    </div>
  );
}

const STEP_TONE: Record<Step["state"], ShapeKind> = {
  waiting: "next",
  running: "move",
  ok: "ok",
  failed: "fail",
  "not-needed": "still",
  "not-run": "next",
};

function Lane(
  props: TestPanelProps & { lane: "logServer" | "statusServer"; steps: Step[]; title: string; target: string },
): ReactNode {
  const firstFailed = props.steps.find((step) => step.state === "failed");
  return (
    <div className="tms-steps">
      <h3 className="tms-row" style={{ marginBottom: 4 }}>
        {props.title} <span className="tms-mono tms-small">{props.target}</span>
      </h3>
      <ol>
        {props.steps.map((step) => (
          <StepLine key={step.step} {...props} step={step} open={step === firstFailed} failed={firstFailed} />
        ))}
      </ol>
    </div>
  );
}

function StepLine(
  props: TestPanelProps & { lane: "logServer" | "statusServer"; step: Step; open: boolean; failed: Step | undefined },
): ReactNode {
  const words = useWords();
  const { step } = props;
  const quiet = step.state === "waiting" || step.state === "not-run" || step.state === "not-needed";
  return (
    <li className="tms-step" {...(quiet ? { "data-quiet": "" } : {})}>
      <ToneShape tone={STEP_TONE[step.state]} still="away" />
      <span
        className="tms-step-name"
        {...(step.state === "failed" ? { style: { color: "var(--tms-fail-text)" } } : {})}
      >
        {stepName(words, step.step, props)}
        <span className="tms-hidden"> {words(`test.state.${step.state}`)}</span>
      </span>
      <span className="tms-step-fact">
        <StepFact step={step} failed={props.failed === undefined ? null : stepName(words, props.failed.step, props)} />
      </span>
      <span className="tms-step-ms">{step.ms === null ? "" : words("test.ms", { ms: Math.round(step.ms) })}</span>
      {props.open ? <FailedStep step={step} cure={props.cureOf(props.lane, step)} /> : null}
    </li>
  );
}

function StepFact(props: { step: Step; failed: string | null }): ReactNode {
  const words = useWords();
  const { step } = props;
  if (step.fact !== "") return <ForeignText text={plainFact(step.fact)} />;
  switch (step.state) {
    case "waiting":
      return words("test.next");
    case "not-run":
      return props.failed === null ? words("test.notRunYet") : words("test.notRunAfter", { step: props.failed });
    case "not-needed":
      return words("test.notNeeded");
    default:
      return null;
  }
}

/** Only the first failed step of a lane opens: what happened, what to do, and one button where the page can do it. */
function FailedStep(props: { step: Step; cure: FormCure | null }): ReactNode {
  const words = useWords();
  const { step, cure } = props;
  return (
    <div className="tms-step-failed">
      <h3>{step.text ?? words("test.failed")}</h3>
      {step.cure === null ? null : <p>{step.cure}</p>}
      <div className="tms-row" style={{ marginTop: 8 }}>
        {cure === null ? null : (
          <Button size="xs" onClick={cure.apply}>
            {cure.label}
          </Button>
        )}
        {step.code === null ? null : (
          <span className="tms-row" style={{ gap: 2 }}>
            <span className="tms-mono">{step.code}</span>
            <CopyButton text={`${step.code}: ${step.text ?? ""} ${step.fact}`} what={words("test.finding")} />
          </span>
        )}
      </div>
    </div>
  );
}

function stepName(
  words: ReturnType<typeof useWords>,
  step: Step["step"],
  lane: { lane: "logServer" | "statusServer"; protocol: "ssh" | "ssl" },
): string {
  switch (step) {
    case "handshake":
      return words(lane.lane === "logServer" && lane.protocol === "ssh" ? "test.step.ssh" : "test.step.tls");
    case "accepts":
      return words(lane.lane === "logServer" ? "test.step.logAccepts" : "test.step.statusAccepts");
    case "name-look-up":
    case "proxy":
    case "tcp":
    case "credentials":
    case "clock-difference":
      return words(`test.step.${step}`);
  }
}
