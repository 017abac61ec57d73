import { Button } from "@mantine/core";
import { durationText, ForeignText, Pairs, Panel, ProblemLine, StateInline, TimeBoth } from "@tms/console-kit";
import type { ProductView } from "@tms/contracts/portal";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { useSession } from "../session-context.ts";
import { useWords } from "../words.ts";

type Schedule = NonNullable<ProductView["schedule"]>;

/** When logs leave, in the product's own words: how often, the next run and how the last one went. */
export function SchedulePanel(props: { product: ProductView }): ReactNode {
  const words = useWords();
  const { schedule, sending } = props.product;
  if (schedule === null) {
    return (
      <Panel title={words("schedule.title")}>
        <span className="tms-gap-text">{words("schedule.notSaid")}</span>
      </Panel>
    );
  }
  return (
    <Panel title={words("schedule.title")} note={words("schedule.clock")}>
      <Pairs
        pairs={[
          [words("schedule.frequency"), frequencyText(words, schedule)],
          [words("schedule.next"), nextOf(words, { schedule, sending })],
          [words("schedule.last"), <LastRun key="l" run={schedule.lastRun} />],
        ]}
      />
    </Panel>
  );
}

/** `every 15 min`, or that logs leave at once. */
export function frequencyText(words: ReturnType<typeof useWords>, { everyMinutes }: Schedule): string {
  if (everyMinutes === 0) return words("schedule.atOnce");
  return words("schedule.every", { every: durationText(everyMinutes * 60_000) });
}

function nextOf(words: ReturnType<typeof useWords>, of: { schedule: Schedule; sending: "on" | "disabled" }): ReactNode {
  if (of.sending === "disabled") return words("schedule.disabled");
  const { nextAt } = of.schedule;
  return nextAt === null ? words("schedule.whenThereIsSomething") : <TimeBoth at={nextAt} />;
}

function LastRun(props: { run: Schedule["lastRun"] }): ReactNode {
  const words = useWords();
  const { run } = props;
  if (run === null) return words("schedule.noRun");
  const state = run.ok
    ? run.endedAt === null
      ? { text: words("schedule.running"), tone: "move" as const }
      : { text: words("schedule.sent"), tone: "ok" as const }
    : { text: words("schedule.failed"), tone: "fail" as const };
  const small = (
    <>
      <TimeBoth at={run.endedAt ?? run.startedAt} />
      {run.code === null ? null : (
        <>
          {" "}
          <ForeignText text={run.code} mono />
        </>
      )}
    </>
  );
  return <StateInline state={state} small={small} />;
}

/** Nothing where it could not help: an ended product, or one whose administrator switched sending off. */
export function AskForLogs(props: { product: ProductView }): ReactNode {
  const words = useWords();
  const { session } = useSession();
  const ask = api.useAct("askForLogs");
  const { id, registration, sending } = props.product;
  const isInService = registration !== "unregistered" && registration !== "revoked" && sending === "on";
  if (session.role !== "administrator" || !isInService) return null;
  return (
    <>
      <ProblemLine error={ask.error} />
      <Button
        variant="default"
        onClick={() => ask.mutate({ params: { id } })}
        disabled={ask.isPending || ask.isSuccess}
      >
        {words(ask.isSuccess ? "schedule.asked" : "schedule.ask")}
      </Button>
    </>
  );
}
