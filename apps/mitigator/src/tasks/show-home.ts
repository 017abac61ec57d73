import type { MitigationStatus, RecordId, ThreatId } from "@tms/records";
import { countTasks, type TaskCounts, type TaskKind, type ThreatFacts, taskOf } from "./task.ts";

/** A threat that may need somebody, as the threat log has it. */
export interface OpenThreat {
  threat: ThreatId;
  endpoint: ThreatFacts["endpoint"];
  status: MitigationStatus;
  lastEvent: RecordId;
}

export interface Home<Event> {
  endpoints: { total: number; connected: number; nonconforming: number };
  counts: TaskCounts;
  openCases: number;
  tasks: { event: Event; task: TaskKind; case: ThreatFacts["openCase"] }[];
}

/** One screen of tasks; the counts go on. */
const MAX_TASKS = 100;

export interface ShowHomeDeps<Event> {
  openThreats: () => Promise<readonly OpenThreat[]>;
  eventsOf: (ids: readonly RecordId[]) => Promise<readonly Event[]>;
  idOf: (event: Event) => RecordId;
  openCases: () => Promise<ReadonlyMap<ThreatId, NonNullable<ThreatFacts["openCase"]>>>;
  threatsWaitingForOrder: () => Promise<ReadonlySet<ThreatId>>;
  endpointCounts: () => Promise<Home<Event>["endpoints"]>;
}

/** The counts and tasks of the home screen (domain, B1). */
export function createShowHome<Event>(deps: ShowHomeDeps<Event>) {
  return async function showHome(): Promise<Home<Event>> {
    const [threats, cases, waiting, endpoints] = await Promise.all([
      deps.openThreats(),
      deps.openCases(),
      deps.threatsWaitingForOrder(),
      deps.endpointCounts(),
    ]);
    const facts = threats.map((threat) => ({
      ...threat,
      openCase: cases.get(threat.threat) ?? null,
      waitsForOrder: waiting.has(threat.threat),
    }));
    const tasks = facts
      .flatMap((one) => {
        const task = taskOf(one);
        return task === null ? [] : [{ task, case: one.openCase, lastEvent: one.lastEvent }];
      })
      .slice(0, MAX_TASKS);
    const events = await deps.eventsOf(tasks.map((task) => task.lastEvent));
    const byId = new Map(events.map((event) => [deps.idOf(event), event]));
    return {
      endpoints,
      counts: countTasks(facts),
      openCases: cases.size,
      tasks: tasks.flatMap(({ lastEvent, ...task }) => {
        const event = byId.get(lastEvent);
        return event === undefined ? [] : [{ ...task, event }];
      }),
    };
  };
}
