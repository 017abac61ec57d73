import { drainPending, type RawInsertFormat, Session } from "chdb";
import type { ParameterValue } from "./parameter.ts";
import type { RawInsert } from "./statement.ts";

// chDB behind two kinds of sessions.
// I1  A session runs one statement at a time; inserts and schema changes never wait for readers.
// I2  One insert is one Buffer: chDB cuts a stream at 8 MiB and may drop pieces under one token.
// I3  The engine is closed only when nothing runs in it: closing under a running statement aborts the process.

const READERS = 2;
/** Waiting statements per session. When it is full the caller is refused, as a server with too many queries does. */
const MOST_WAITING = 64;

export interface EngineResult {
  bytes: Uint8Array;
  readRows: number;
  writtenRows: number;
}

export class TooManyStatements extends Error {}

export interface Engine {
  read(sql: string, statement: { parameters: Record<string, ParameterValue>; format: string }): Promise<EngineResult>;
  write(sql: string, statement: { parameters: Record<string, ParameterValue>; format: string }): Promise<EngineResult>;
  insert(statement: RawInsert, rows: Buffer): Promise<EngineResult>;
  /** Waits for running statements, then closes. */
  close(): Promise<void>;
}

export function openEngine(directory: string): Engine {
  const writer = createLane(new Session(directory));
  const readers = Array.from({ length: READERS }, () => createLane(new Session(directory)));
  const lanes = [writer, ...readers];
  return {
    read: (sql, statement) => leastBusy(readers).run((session) => ask(session, sql, statement)),
    write: (sql, statement) => writer.run((session) => ask(session, sql, statement)),
    insert: (statement, rows) =>
      writer.run(async (session) => {
        const summary = await session.insert({
          table: statement.table,
          values: rows,
          // chDB refuses names outside its own list.
          format: statement.format as RawInsertFormat,
          ...(statement.columns === null ? {} : { columns: statement.columns }),
          settings: statement.settings,
        });
        return { bytes: new Uint8Array(), readRows: 0, writtenRows: summary.rowsWritten };
      }),
    close: async () => {
      await Promise.all(lanes.map((lane) => lane.idle()));
      await drainPending();
      for (const lane of lanes) lane.session.close();
    },
  };
}

async function ask(
  session: Session,
  sql: string,
  statement: { parameters: Record<string, ParameterValue>; format: string },
): Promise<EngineResult> {
  const { parameters, format } = statement;
  const result =
    Object.keys(parameters).length === 0
      ? await session.queryAsync(sql, { format })
      : await session.queryBindAsync(sql, parameters, { format });
  return { bytes: result.bytes(), readRows: result.rowsRead, writtenRows: 0 };
}

interface Lane {
  session: Session;
  waiting(): number;
  run<T>(work: (session: Session) => Promise<T>): Promise<T>;
  idle(): Promise<void>;
}

function createLane(session: Session): Lane {
  let tail: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    session,
    waiting: () => waiting,
    run: (work) => {
      if (waiting >= MOST_WAITING) return Promise.reject(new TooManyStatements());
      waiting += 1;
      const turn = tail
        .then(() => work(session))
        .finally(() => {
          waiting -= 1;
        });
      // The next one runs whatever became of this one; whoever asked gets the error.
      tail = turn.catch(() => {});
      return turn;
    },
    idle: async () => {
      await tail;
    },
  };
}

function leastBusy(lanes: Lane[]): Lane {
  const [first, ...rest] = lanes;
  if (first === undefined) throw new Error("The engine has no reading session.");
  return rest.reduce((best, lane) => (lane.waiting() < best.waiting() ? lane : best), first);
}
