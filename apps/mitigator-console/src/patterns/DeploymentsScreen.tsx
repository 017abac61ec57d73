import { Button } from "@mantine/core";
import {
  ConfirmDialog,
  type DataColumn,
  ForeignText,
  ListPanel,
  Page,
  StateInline,
  TimeBoth,
  TimeCell,
  TwoLines,
  useUrlFilters,
} from "@tms/console-kit";
import { DEPLOYMENT_STATE_TABLE, type DeploymentState } from "@tms/records";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";

const PAGE_SIZE = 25;
type Deployment = NonNullable<ReturnType<typeof useDeployments>["data"]>["rows"][number];

function useDeployments(page: number) {
  return api.useRead("listDeployments", { query: { page, pageSize: PAGE_SIZE } });
}

const WAITS: readonly DeploymentState[] = ["waits-for-order", "partially", "failed"];

/** Custom patterns on their way to endpoints; "downloaded" and "applied" are two columns, never one badge. */
export function DeploymentsScreen(): ReactNode {
  const words = useWords();
  const filters = useUrlFilters();
  const list = useDeployments(filters.page);
  const [chosen, setChosen] = useState<{ what: "deploy" | "undo"; row: Deployment } | null>(null);
  return (
    <Page
      crumbs={[{ label: words("menu.patterns") }]}
      title={words("menu.patterns")}
      plainTitle={words("menu.patterns")}
      subtitle={list.data === undefined ? undefined : words("patterns.sum", { count: list.data.total })}
    >
      <ListPanel
        label={words("menu.patterns")}
        columns={useColumns(setChosen)}
        rowKey={(row) => `${row.pattern}/${row.version}/${row.endpoint}`}
        edge={(row) => (WAITS.includes(row.state) ? DEPLOYMENT_STATE_TABLE[row.state].tone : null)}
        dividerText={words("patterns.divider")}
        list={list}
        filters={filters}
        pageSize={PAGE_SIZE}
        none={words("patterns.none")}
      />
      {chosen === null ? null : <DeploymentDialog {...chosen} onClose={() => setChosen(null)} />}
    </Page>
  );
}

function useColumns(choose: (chosen: { what: "deploy" | "undo"; row: Deployment }) => void): DataColumn<Deployment>[] {
  const words = useWords();
  return [
    {
      id: "pattern",
      header: words("pattern"),
      cell: (row) => (
        <TwoLines
          first={
            <strong>
              <ForeignText text={row.title} />
            </strong>
          }
          second={
            <span className="tms-mono">
              {row.pattern} v{row.version}
            </span>
          }
        />
      ),
    },
    { id: "endpoint", header: words("endpoint"), narrow: true, cell: (row) => <ForeignText text={row.host} /> },
    {
      id: "state",
      header: words("state"),
      narrow: true,
      cell: (row) => (
        <StateInline
          state={DEPLOYMENT_STATE_TABLE[row.state]}
          small={words.rich("since", { time: <TimeBoth at={row.stateSince} /> })}
        />
      ),
    },
    {
      id: "downloaded",
      header: words("patterns.downloaded"),
      cell: (row) => <TimeOr at={row.downloadedByMitigatorAt} />,
    },
    { id: "applied", header: words("patterns.applied"), cell: (row) => <TimeOr at={row.appliedOnEndpointAt} /> },
    {
      id: "steps",
      header: words("patterns.steps"),
      cell: (row) =>
        row.steps.length === 0 ? (
          <span className="tms-small">{words("patterns.noSteps")}</span>
        ) : (
          words("patterns.stepsDone", {
            done: row.steps.filter((step) => step.outcome === "done" || step.outcome === "nothing-to-do").length,
            count: row.steps.length,
          })
        ),
    },
    {
      id: "action",
      header: words("patterns.action"),
      narrow: true,
      cell: (row) =>
        row.state === "waits-for-order" ? (
          <Button size="xs" variant="default" onClick={() => choose({ what: "deploy", row })}>
            {words("deploy.open")}
          </Button>
        ) : row.undo === "possible" ? (
          <Button size="xs" className="tms-danger-quiet" onClick={() => choose({ what: "undo", row })}>
            {words("undo.open")}
          </Button>
        ) : (
          <span className="tms-small">{words(`patterns.undo.${row.undo}`)}</span>
        ),
    },
  ];
}

function TimeOr(props: { at: string | null }): ReactNode {
  const words = useWords();
  return props.at === null ? <span className="tms-small">{words("patterns.notYet")}</span> : <TimeCell at={props.at} />;
}

function DeploymentDialog(props: { what: "deploy" | "undo"; row: Deployment; onClose(): void }): ReactNode {
  const words = useWords();
  const { what, row } = props;
  const act = api.useAct(what === "deploy" ? "deployPattern" : "undoCleanup", { onDone: props.onClose });
  const values = { host: <ForeignText text={row.host} />, pattern: `${row.pattern} v${row.version}` };
  return (
    <ConfirmDialog
      opened
      onClose={props.onClose}
      title={words(what === "deploy" ? "deploy.title" : "undo.title")}
      confirmLabel={words(what === "deploy" ? "deploy.do" : "undo.do")}
      dangerous={what === "undo"}
      onConfirm={() => act.mutate({ body: { pattern: row.pattern, version: row.version, endpoint: row.endpoint } })}
      busy={act.isPending}
      error={act.error}
    >
      <p>{words.rich(what === "deploy" ? "deploy.text" : "undo.text", values)}</p>
    </ConfirmDialog>
  );
}
