import { Button, Menu } from "@mantine/core";
import {
  ChainStrip,
  FactsStrip,
  ForeignText,
  Page,
  Panel,
  ProblemLine,
  SeverityBars,
  StateBlock,
  StateInline,
  statusRow,
  TimeAbsolute,
  TimeBoth,
  ToneShape,
  useRouteParam,
} from "@tms/console-kit";
import type { IncidentDetail } from "@tms/contracts/portal";
import { CASE_STATE_TABLE, CASE_STATES, INCIDENT_STATE_TABLE, INCIDENT_STATES, type StateRow } from "@tms/records";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";
import { ReportPanel } from "./ReportPanel.tsx";
import { WhatHappened } from "./WhatHappened.tsx";

export function IncidentScreen(): ReactNode {
  const words = useWords();
  const incident = api.useRead("getIncident", { params: { id: useRouteParam("id") } });
  if (incident.data === undefined) {
    return (
      <Page
        crumbs={[{ label: words("menu.incidents"), href: paths.incidents() }]}
        title={words("menu.incidents")}
        plainTitle={words("menu.incidents")}
      >
        <ProblemLine error={incident.error} />
      </Page>
    );
  }
  return <LoadedIncident incident={incident.data} />;
}

function LoadedIncident(props: { incident: IncidentDetail }): ReactNode {
  const words = useWords();
  const { incident } = props;
  return (
    <Page
      crumbs={[{ label: words("menu.incidents"), href: paths.incidents() }, { label: incident.shortId }]}
      title={<ForeignText text={incident.title} />}
      plainTitle={`${incident.shortId} ${words("menu.incidents")}`}
      badges={<StateBlock state={INCIDENT_STATE_TABLE[incident.state]} announce />}
      subtitle={words(`incident.turn.${incident.state}`)}
      actions={<StateMenu incident={incident} />}
    >
      <IncidentFacts incident={incident} />
      <div className="tms-columns" style={{ "--right": "348px" } as object}>
        <div>
          <WhatHappened incident={incident} />
          <ChainsPanel incident={incident} />
          <DonePanel incident={incident} />
          <StoryPanel incident={incident} />
        </div>
        <div>
          <RecommendedPanel incident={incident} />
          <ReportPanel incident={incident} />
          <DataPanel incident={incident} />
        </div>
      </div>
    </Page>
  );
}

function StateMenu(props: { incident: IncidentDetail }): ReactNode {
  const words = useWords();
  const change = api.useAct("changeIncident");
  return (
    <>
      <ProblemLine error={change.error} />
      <Menu shadow="md" position="bottom-end" transitionProps={{ duration: 0 }}>
        <Menu.Target>
          <Button variant="default" loading={change.isPending}>
            {words("incident.change")}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {INCIDENT_STATES.filter((state) => state !== props.incident.state).map((state) => (
            <Menu.Item
              key={state}
              leftSection={
                <ToneShape tone={INCIDENT_STATE_TABLE[state].tone} still={INCIDENT_STATE_TABLE[state].still} />
              }
              onClick={() => change.mutate({ params: { id: props.incident.id }, body: { state } })}
            >
              {INCIDENT_STATE_TABLE[state].text}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

function IncidentFacts(props: { incident: IncidentDetail }): ReactNode {
  const words = useWords();
  const { incident } = props;
  const hosts = incident.endpoints.map((endpoint) => endpoint.host).join(", ");
  return (
    <FactsStrip
      facts={[
        { label: words("incident"), value: incident.shortId, small: incident.customer.name },
        {
          label: words("severity"),
          value: <SeverityBars severity={incident.severity} />,
          small: words("incident.events", { count: incident.events }),
        },
        {
          label: words("incidents.first"),
          value: <TimeAbsolute at={incident.firstEventAt} />,
          small: words("incident.byEndpoint"),
        },
        {
          label: words("incidents.last"),
          value: <TimeAbsolute at={incident.lastEventAt} />,
          small: words.rich("incident.stateSince", {
            state: INCIDENT_STATE_TABLE[incident.state].text,
            time: <TimeBoth at={incident.stateSince} />,
          }),
        },
        {
          label: words("incidents.endpoints"),
          value: words("incident.affected", { count: incident.endpoints.length }),
          small: <ForeignText text={hosts} />,
        },
        {
          label: words("incident.restsOn"),
          value: words(incident.dataComplete.complete ? "incident.allRecords" : "incident.notAllRecords"),
          small: words("incident.restsOnWhy"),
        },
      ]}
    />
  );
}

function ChainsPanel(props: { incident: IncidentDetail }): ReactNode {
  const words = useWords();
  const { incident } = props;
  const [chain] = incident.chains;
  const event = incident.story.find((told) => told.chain === chain?.id);
  return (
    <Panel
      title={words("incident.chain")}
      note={
        incident.chains.length > 1 ? words("incident.moreChains", { count: incident.chains.length - 1 }) : undefined
      }
      right={
        event === undefined ? undefined : (
          <a className="tms-link" href={paths.event(incident.customer.id, event.id)}>
            {words("incident.explore")}
          </a>
        )
      }
    >
      {chain === undefined ? (
        <span className="tms-row">
          <ToneShape tone="gap" />
          <span className="tms-gap-text">{words("incident.noChain")}</span>
        </span>
      ) : (
        <ChainStrip chain={chain} />
      )}
    </Panel>
  );
}

function DonePanel(props: { incident: IncidentDetail }): ReactNode {
  const words = useWords();
  const { done } = props.incident;
  return (
    <Panel title={words("incident.done")} padded={false}>
      {done.length === 0 ? (
        <p className="tms-empty">{words("incident.nothingDone")}</p>
      ) : (
        <ul className="tms-list">
          {done.map((action) => (
            <li key={`${action.at}/${action.text}`}>
              <ToneShape tone="ok" />
              <span>
                <ForeignText text={action.text} />
                <span className="tms-cell-second">
                  <TimeBoth at={action.at} />
                </span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function StoryPanel(props: { incident: IncidentDetail }): ReactNode {
  const words = useWords();
  const { incident } = props;
  return (
    <Panel title={words("incident.story")} note={words("incident.storyNote")} padded={false}>
      <ul className="tms-list tms-events" id="story">
        {incident.story.map((event) => (
          <li key={event.id} id={`evidence-${event.id}`}>
            <StateInline state={statusRow(event)} small={<TimeAbsolute at={event.occurredAt} />} />
            <span>
              <a className="tms-link tms-strong" href={paths.event(incident.customer.id, event.id)}>
                {event.shortId}
              </a>{" "}
              {words(`kind.${event.kind}`)} <ForeignText text={event.host} />
              {event.detail === null ? null : (
                <span className="tms-cell-second">
                  <ForeignText text={event.detail} />
                </span>
              )}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function RecommendedPanel(props: { incident: IncidentDetail }): ReactNode {
  const words = useWords();
  const { recommended, cases, state } = props.incident;
  const open = state === "new" || state === "in-progress";
  return (
    <Panel
      title={words("incident.recommended")}
      icon={<ToneShape tone={recommended.length === 0 ? "ok" : open ? "wait" : "still"} still="away" />}
      padded={false}
    >
      <ul className="tms-list">
        {recommended.map((action) => (
          <li key={action.text}>
            <ToneShape tone={open ? "wait" : "next"} />
            <span>
              <strong>
                <ForeignText text={action.text} />
              </strong>
              <span className="tms-cell-second">
                <ForeignText text={action.why} />
              </span>
            </span>
          </li>
        ))}
        {recommended.length === 0 ? (
          <li>
            <ToneShape tone="ok" />
            <span>{words("incident.nothingToDo")}</span>
          </li>
        ) : null}
        {cases.map((found) => (
          <li key={found.id}>
            <ToneShape tone={caseRow(found.state).tone} still={caseRow(found.state).still} />
            <span>
              <a className="tms-link tms-strong" href={paths.case(found.id)}>
                {found.shortId}
              </a>
              <span className="tms-cell-second">
                {words("incident.caseState", { state: caseRow(found.state).text.toLowerCase() })}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function caseRow(state: string): StateRow {
  const known = CASE_STATES.find((one) => one === state);
  return known === undefined ? { text: state, tone: "gap" } : CASE_STATE_TABLE[known];
}

function DataPanel(props: { incident: IncidentDetail }): ReactNode {
  const words = useWords();
  const { complete, text } = props.incident.dataComplete;
  const state = complete
    ? { text: words("data.all"), tone: "ok" as const }
    : { text: words("data.notAll"), tone: "gap" as const };
  return (
    <Panel title={words("data.title")} right={<StateInline state={state} />}>
      <p className={complete ? undefined : "tms-gap-text"}>
        <ForeignText text={text} />
      </p>
    </Panel>
  );
}
