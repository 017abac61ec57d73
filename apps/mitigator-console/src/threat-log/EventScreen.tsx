import { Button } from "@mantine/core";
import {
  EventColumns,
  EventFacts,
  type Fact,
  ForeignText,
  lastOf,
  Page,
  Panel,
  ProblemLine,
  ReceivedFact,
  SinceThen,
  StateBlock,
  StateInline,
  shortPatternId,
  statusRow,
  TimeBoth,
  ToneShape,
  useRouteParam,
} from "@tms/console-kit";
import { CASE_STATE_TABLE, DEPLOYMENT_STATE_TABLE, MITIGATION_STATUS_TABLE } from "@tms/records";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { SubmitCaseDialog } from "../cases/SubmitCaseDialog.tsx";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

type EventView = NonNullable<ReturnType<typeof useEventView>["data"]>;

function useEventView(id: string) {
  return api.useRead("getEvent", { params: { id: id as never } });
}

/** One threat event: its state, whose turn it is, its chain, and what to do. */
export function EventScreen(): ReactNode {
  const words = useWords();
  const view = useEventView(useRouteParam("id"));
  const { data } = view;
  if (data === undefined) {
    return (
      <Page
        crumbs={[{ label: words("menu.events"), href: paths.events() }]}
        title={words("menu.events")}
        plainTitle={words("menu.events")}
      >
        <ProblemLine error={view.error} />
      </Page>
    );
  }
  return <LoadedEvent view={data} />;
}

function LoadedEvent(props: { view: EventView }): ReactNode {
  const words = useWords();
  const { view: data } = props;
  const { event } = data;
  return (
    <Page
      crumbs={[{ label: words("menu.events"), href: paths.events() }, { label: event.shortId }]}
      title={<ForeignText text={event.threatName} />}
      plainTitle={`${event.shortId} ${words("menu.events")}`}
      subtitle={words.rich("event.on", {
        host: (
          <a className="tms-link tms-strong" href={paths.events(event.host)}>
            <ForeignText text={event.host} />
          </a>
        ),
      })}
      badges={
        <>
          <StateBlock state={statusRow(event)} announce />
          <SinceThen event={event} story={data.story} />
        </>
      }
      actions={<TurnOf view={data} />}
    >
      <EventFacts event={event} body={data.body} story={data.story} chain={data.chain} last={useAtPortal(data)} />
      <EventColumns
        chain={data.chain}
        chainMissingReason={data.chainMissingReason}
        steps={data.body.deployment?.steps ?? []}
        story={data.story}
        hrefOf={(told) => paths.event(told.id)}
        action={<RecommendedAction view={data} />}
      />
    </Page>
  );
}

function useAtPortal(view: EventView): Fact {
  const words = useWords();
  if (view.atPortalSince !== null) return ReceivedFact(view.atPortalSince, words("event.portalHasIt"));
  return { label: words("event.portalHasIt"), value: words("event.notAtPortal"), small: words("event.notAtPortalWhy") };
}

/** Whose turn it is, and since when. */
function TurnOf(props: { view: EventView }): ReactNode {
  const words = useWords();
  const { view } = props;
  const last = lastOf(view.event, view.story);
  const since = <TimeBoth at={view.case?.stateSince ?? last.occurredAt} />;
  if (view.case !== null) {
    const turn = view.case.turn;
    return (
      <StateInline
        state={{ text: words(`turn.${turn}`), tone: turn === "you" ? "wait" : turn === "nobody" ? "still" : "move" }}
        small={words.rich("since", { time: since })}
      />
    );
  }
  const waits = MITIGATION_STATUS_TABLE[last.status].needsAction;
  return (
    <StateInline
      state={waits ? { text: words("turn.you"), tone: "wait" } : { text: words("turn.nobody"), tone: "still" }}
      small={words.rich("since", { time: since })}
    />
  );
}

function RecommendedAction(props: { view: EventView }): ReactNode {
  const words = useWords();
  const [open, setOpen] = useState(false);
  const { view } = props;
  const last = lastOf(view.event, view.story);
  const row = MITIGATION_STATUS_TABLE[last.status];
  const maySubmit = last.status === "unresolved-threats-remain" && view.case === null;
  return (
    <Panel
      title={words("event.recommended")}
      icon={<ToneShape tone={row.needsAction && view.case === null ? "wait" : "ok"} />}
    >
      <div className="tms-stack">
        {view.case === null ? (
          <p className="tms-prose">
            <strong>{maySubmit ? words("submit.recommend") : row.recommendedAction}</strong>
            {maySubmit ? <br /> : null}
            {maySubmit ? words("submit.why") : null}
          </p>
        ) : (
          <CaseOfEvent view={view} />
        )}
        {maySubmit ? (
          <>
            <ol className="tms-prose" style={{ listStyle: "decimal", paddingLeft: 18 }}>
              <li>{words.rich("submit.step1", { host: <ForeignText text={view.event.host} /> })}</li>
              <li>{words("submit.step2")}</li>
              <li>{words("submit.step3")}</li>
            </ol>
            <div>
              <Button onClick={() => setOpen(true)}>{words("submit.open")}</Button>
            </div>
          </>
        ) : null}
        <SubmitCaseDialog opened={open} onClose={() => setOpen(false)} event={view.event} />
      </div>
    </Panel>
  );
}

function CaseOfEvent(props: { view: EventView }): ReactNode {
  const words = useWords();
  const { case: opened, deployment } = props.view;
  if (opened === null) return null;
  return (
    <>
      <StateInline
        state={CASE_STATE_TABLE[opened.state]}
        small={words.rich("event.case", {
          id: opened.shortId ?? words("case.noNumber"),
          time: <TimeBoth at={opened.stateSince} />,
          turn: words(`turn.${opened.turn}`),
        })}
      />
      {deployment === null ? null : (
        <StateInline
          state={DEPLOYMENT_STATE_TABLE[deployment.state]}
          small={
            <>
              <ForeignText text={deployment.title} />, {shortPatternId(deployment.pattern)} v{deployment.version}
            </>
          }
        />
      )}
    </>
  );
}
