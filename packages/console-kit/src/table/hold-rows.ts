// No row enters, leaves or moves while a reader's pointer or focus is in the table (design, section 8).

export interface HeldRows<Row> {
  rows: Row[];
  /** How many rows wait above the table. */
  newer: number;
}

/**
 * Keeps the order and set of rows that are on screen while they are held; values of the same rows change in place.
 *
 * @param shown What is on screen, or null before the first drawing.
 */
export function holdRows<Row>(
  shown: Row[] | null,
  fresh: Row[],
  held: boolean,
  keyOf: (row: Row) => string,
): HeldRows<Row> {
  if (!held || shown === null || shown.length === 0) return { rows: fresh, newer: 0 };
  const byKey = new Map(fresh.map((row) => [keyOf(row), row]));
  const shownKeys = new Set(shown.map(keyOf));
  return {
    rows: shown.map((row) => byKey.get(keyOf(row)) ?? row),
    newer: fresh.filter((row) => !shownKeys.has(keyOf(row))).length,
  };
}
