import { useCallback, useRef, useState } from "react";
import { type HeldRows, holdRows } from "./hold-rows.ts";

interface Holding<Row> extends HeldRows<Row> {
  hold(reason: "pointer" | "focus", on: boolean): void;
  release(): void;
}

export function useHeldRows<Row>(fresh: Row[], scope: string, keyOf: (row: Row) => string): Holding<Row> {
  const reasons = useRef(new Set<string>());
  const shown = useRef<{ scope: string; rows: Row[] } | null>(null);
  const [, redraw] = useState(0);
  const mayHold = shown.current?.scope === scope;
  const next = holdRows(mayHold ? (shown.current?.rows ?? null) : null, fresh, reasons.current.size > 0, keyOf);
  shown.current = { scope, rows: next.rows };
  const hold = useCallback((reason: "pointer" | "focus", on: boolean) => {
    const before = reasons.current.size;
    if (on) reasons.current.add(reason);
    else reasons.current.delete(reason);
    if (before > 0 && reasons.current.size === 0) redraw((count) => count + 1);
  }, []);
  const release = useCallback(() => {
    reasons.current.clear();
    redraw((count) => count + 1);
  }, []);
  return { ...next, hold, release };
}
