export interface ErrorRow {
  /** HTTP status. */
  status: number;
  /** error = wake someone; warn = someone should look this week; info = life events (R21). */
  level: "error" | "warn" | "info";
  /** What happened, for a person. */
  text: string;
  /** What that person can do. */
  cure: string;
}
