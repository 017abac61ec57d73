import { DataTable, Page, ProblemLine, TimeBoth, ToneShape, useUrlFilters } from "@tms/console-kit";
import type { Home } from "@tms/contracts/mitigator";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";
import { HomeSide } from "./HomeSide.tsx";
import { type Task, useTaskColumns } from "./task-columns.tsx";
import { UnresolvedLine } from "./UnresolvedLine.tsx";

type TaskKind = Task["task"];

/** The four counts, each also a filter, in the order of the design's picture. */
const COUNTED: { task: TaskKind; count: (home: Home) => number }[] = [
  { task: "run-cleanup", count: (home) => home.requireCleanup },
  { task: "custom-cleanup", count: (home) => home.requireCustomCleanup },
  { task: "restart", count: (home) => home.requireRestart },
  { task: "scan-again", count: (home) => home.scanProblems },
];

/** Threat Management: what waits for a person, and what no count covers. */
export function HomeScreen(): ReactNode {
  const words = useWords();
  const home = api.useRead("home", {});
  if (home.data === undefined) {
    return (
      <Page crumbs={[{ label: words("menu.home") }]} title={words("menu.home")} plainTitle={words("menu.home")}>
        <ProblemLine error={home.error} />
      </Page>
    );
  }
  return <LoadedHome data={home.data} error={home.error} readAt={home.dataUpdatedAt} onTryNow={() => home.refetch()} />;
}

function LoadedHome(props: { data: Home; error: Error | null; readAt: number; onTryNow(): void }): ReactNode {
  const words = useWords();
  const filters = useUrlFilters();
  const { data } = props;
  const chosen = chosenTask(filters.get("task"), data);
  const rows = data.tasks.filter((task) => chosen === null || task.task === chosen);
  const waiting = new Set(data.tasks.map((task) => task.event.endpoint)).size;
  return (
    <Page
      crumbs={[{ label: words("menu.home") }]}
      title={words("menu.home")}
      plainTitle={words("menu.home")}
      subtitle={words("home.sum", {
        waiting: words("home.waits", { count: waiting }),
        working: words("home.works", { count: Math.max(0, data.endpoints.nonconforming - waiting) }),
        quiet: words("home.quiet", {
          count: Math.max(0, data.endpoints.total - Math.max(waiting, data.endpoints.nonconforming)),
          total: data.endpoints.total,
        }),
      })}
    >
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset would bring a form's meaning; these are view filters. */}
      <div className="tms-counts" role="group" aria-label={words("home.counts")}>
        {COUNTED.map(({ task, count }) => (
          <CountButton
            key={task}
            task={task}
            count={count(data)}
            tasks={data.tasks}
            chosen={chosen === task}
            onChoose={() => filters.set({ task: chosen === task ? "all" : task })}
          />
        ))}
      </div>
      <UnresolvedLine home={data} />
      <div className="tms-columns" style={{ "--right": "316px" } as object}>
        <div>
          <section className="tms-panel" aria-label={words("home.tasks")}>
            <header className="tms-panel-head">
              <div className="tms-row">
                <h2>{chosen === null ? words("home.allTasks") : words(`task.${chosen}`)}</h2>
                <span className="tms-small">
                  {words(chosen === null ? "home.allTasksNote" : `task.${chosen}.note`)}
                </span>
              </div>
            </header>
            <DataTable
              label={words("home.tasks")}
              columns={useTaskColumns()}
              rows={rows}
              rowKey={(row) => row.event.id}
              empty={{ face: "all-done", text: words("home.nothing") }}
              error={props.error}
              readAt={props.readAt}
              onTryNow={props.onTryNow}
              scope={filters.text}
            />
          </section>
          {data.inMitigation === 0 ? null : (
            <div className="tms-line-note">
              <ToneShape tone="move" />
              <span>{words("home.working", { count: data.inMitigation })}</span>
            </div>
          )}
        </div>
        <HomeSide home={data} />
      </div>
    </Page>
  );
}

/** Without a choice the first count that is not zero opens; "all" is a choice, too. */
function chosenTask(asked: string, home: Home): TaskKind | null {
  const known = COUNTED.find(({ task }) => task === asked);
  if (known !== undefined) return known.task;
  if (asked === "all") return null;
  return COUNTED.find(({ count }) => count(home) > 0)?.task ?? null;
}

function CountButton(props: {
  task: TaskKind;
  count: number;
  tasks: Task[];
  chosen: boolean;
  onChoose(): void;
}): ReactNode {
  return (
    <button type="button" aria-pressed={props.chosen} onClick={props.onChoose}>
      <span className="tms-figure tms-tabular">{props.count}</span>
      <CountWords task={props.task} count={props.count} tasks={props.tasks} />
    </button>
  );
}

function CountWords(props: { task: TaskKind; count: number; tasks: Task[] }): ReactNode {
  const words = useWords();
  return (
    <span>
      <span className="tms-strong">{words(`task.${props.task}`)}</span>
      <span className="tms-cell-second">
        <OldestOf {...props} />
      </span>
    </span>
  );
}

function OldestOf(props: { task: TaskKind; count: number; tasks: Task[] }): ReactNode {
  const words = useWords();
  const times = props.tasks.filter((task) => task.task === props.task).map((task) => task.event.occurredAt);
  const oldest = times.sort()[0];
  if (props.count === 0) return words("home.none");
  if (oldest === undefined) return words("home.oldestUnknown");
  return words.rich("home.oldest", { time: <TimeBoth at={oldest} /> });
}
