import {
  EventColumns,
  EventFacts,
  ForeignText,
  lastOf,
  Page,
  Panel,
  ProblemLine,
  ReceivedFact,
  SinceThen,
  StateBlock,
  StateInline,
  statusRow,
  TimeBoth,
  ToneShape,
  useRouteParam,
} from "@tms/console-kit";
import type { EventRow } from "@tms/contracts";
import type { CaseRow } from "@tms/contracts/portal";
import { CASE_STATE_TABLE, MITIGATION_STATUS_TABLE } from "@tms/records";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { isEnded } from "../cases/is-ended.ts";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

function useEventView(customer: string, id: string) {
  return api.useRead("portalEvent", { params: { customer: customer as never, id: id as never } });
}

export function EventScreen(): ReactNode {
  const words = useWords();
  const customer = useRouteParam("customer");
  const view = useEventView(customer, useRouteParam("id"));
  if (view.data === undefined) {
    return (
      <Page
        crumbs={[{ label: words("menu.events"), href: paths.events(customer) }]}
        title={words("menu.events")}
        plainTitle={words("menu.events")}
      >
        <ProblemLine error={view.error} />
      </Page>
    );
  }
  return <LoadedEvent customer={customer} view={view.data} />;
}

function LoadedEvent(props: {
  customer: string;
  view: NonNullable<ReturnType<typeof useEventView>["data"]>;
}): ReactNode {
  const words = useWords();
  const { view, customer } = props;
  const { event } = view;
  const row = MITIGATION_STATUS_TABLE[lastOf(event, view.story).status];
  const open = useOpenCase(customer, row.needsAction ? event : null);
  return (
    <Page
      crumbs={[{ label: words("menu.events"), href: paths.events(customer) }, { label: event.shortId }]}
      title={<ForeignText text={event.threatName} />}
      plainTitle={`${event.shortId} ${words("menu.events")}`}
      subtitle={words.rich("event.on", { host: <ForeignText text={event.host} /> })}
      actions={
        <StateInline
          state={
            open !== undefined
              ? { ...CASE_STATE_TABLE[open.state], text: words(`turn.${open.turn}`) }
              : row.needsAction
                ? { text: words("event.waitsForSite"), tone: "move" }
                : { text: words("turn.nobody"), tone: "still", still: "away" }
          }
          small={words.rich("since", {
            time: <TimeBoth at={open?.stateSince ?? lastOf(event, view.story).occurredAt} />,
          })}
        />
      }
      badges={
        <>
          <StateBlock state={statusRow(event)} announce />
          <SinceThen event={event} story={view.story} />
        </>
      }
    >
      <EventFacts
        event={event}
        body={view.body}
        story={view.story}
        chain={view.chain}
        last={ReceivedFact(event.receivedAt, words("event.received"))}
      />
      <EventColumns
        chain={view.chain}
        chainMissingReason={view.chainMissingReason}
        steps={view.body.deployment?.steps ?? []}
        story={view.story}
        hrefOf={(told) => paths.event(customer, told.id)}
        action={
          open === undefined ? (
            <Panel title={words("event.recommended")} icon={<ToneShape tone={row.needsAction ? "wait" : "ok"} />}>
              <p className="tms-prose">
                <strong>{row.recommendedAction}</strong>
              </p>
              <p className="tms-small" style={{ marginTop: 6 }}>
                {words("event.actionAt")}
              </p>
            </Panel>
          ) : (
            <OpenCasePanel open={open} />
          )
        }
      />
    </Page>
  );
}

/** A failure with an open case: the failure stays, the turn changes (design, section 3). */
function useOpenCase(customer: string, event: EventRow | null): CaseRow | undefined {
  const cases = api.useRead("listCases", { query: { page: 1, pageSize: 100, customer: customer as never } });
  if (event === null) return undefined;
  return cases.data?.rows.find(
    (row) => row.host === event.host && row.threatName === event.threatName && !isEnded(row.state),
  );
}

function OpenCasePanel(props: { open: CaseRow }): ReactNode {
  const words = useWords();
  const { open } = props;
  const state = CASE_STATE_TABLE[open.state];
  return (
    <Panel title={words("event.recommended")} icon={<ToneShape tone={state.tone} still={state.still} />}>
      <p className="tms-prose">
        {words.rich("event.openCase", {
          case: (
            <a className="tms-link tms-strong" href={paths.case(open.id)}>
              {open.shortId}
            </a>
          ),
        })}
      </p>
      <p style={{ marginTop: 6 }}>
        <StateInline state={state} small={words.rich("since", { time: <TimeBoth at={open.stateSince} /> })} />
      </p>
    </Panel>
  );
}
