import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { openAgentState } from "./agent-state.ts";
import { makeThreat } from "./threat-for-tests.contract.ts";

const THERE = () => true;
const GONE = () => false;

function stateFile(): string {
  const directory = mkdtempSync(join(tmpdir(), "tms-agent-state-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return join(directory, "state.db");
}

function openState(file = stateFile()) {
  const state = openAgentState(file);
  onTestFinished(() => state.close());
  return state;
}

test("a threat that is found many times is one, until it is resolved", () => {
  const state = openState();
  const first = state.meet(makeThreat(), THERE);

  expect(state.meet(makeThreat(), THERE).threatId).toBe(first.threatId);
  expect(state.threats()).toHaveLength(1);
});

test("a threat that comes back after its cleanup is another one, and the old one stays resolved", () => {
  const state = openState();
  const first = state.meet(makeThreat(), THERE);
  state.markResolved(first.threatId, "CP-1@1");

  const second = state.meet(makeThreat(), THERE);

  expect(second.threatId).not.toBe(first.threatId);
  expect(state.meet(makeThreat(), THERE).threatId).toBe(second.threatId);
  expect(state.threats().map(({ resolvedBy }) => resolvedBy)).toEqual(["CP-1@1", null]);
});

test("what a look found before the cleanup, and is gone now, is no new threat", () => {
  const state = openState();
  const first = state.meet(makeThreat(), THERE);
  state.markResolved(first.threatId, "CP-1@1");

  expect(state.meet(makeThreat(), GONE).threatId).toBe(first.threatId);
});

test("an undone cleanup of a threat that came back meanwhile leaves the newer one to stand for it", () => {
  const state = openState();
  const first = state.meet(makeThreat(), THERE);
  state.markResolved(first.threatId, "CP-1@1");
  const second = state.meet(makeThreat(), THERE);

  state.markResolved(first.threatId, null);

  expect(state.threats().filter(({ resolvedBy }) => resolvedBy === null)).toMatchObject([
    { threatId: second.threatId },
  ]);
});

test("a database of before keeps its threats and their parts, and takes the return of one", () => {
  const file = stateFile();
  const threat = makeThreat();
  const before = openAgentState(file);
  before.meet(threat, THERE);
  before.markAssessed(threat.threatId, [{ kind: "file", path: "/srv/made-up", line: "" }]);
  before.markResolved(threat.threatId, "CP-1@1");
  before.close();
  const raw = new DatabaseSync(file);
  const { sql } = raw.prepare("select sql from sqlite_schema where name = 'threats'").get() as { sql: string };
  const old = sql.replace(/\)\s*strict$/, ", unique (rule_id, path, sha256)) strict").replace("threats", "threats_old");
  raw.exec(`pragma foreign_keys = off; ${old}; insert into threats_old select * from threats; drop table threats;
    alter table threats_old rename to threats;`);
  raw.close();

  const state = openState(file);
  const back = state.meet(makeThreat(), THERE);

  expect(state.threats().map(({ threatId }) => threatId)).toEqual([threat.threatId, back.threatId]);
  expect(state.parts(threat.threatId)).toHaveLength(1);
});
