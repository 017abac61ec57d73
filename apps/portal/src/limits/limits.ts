/** How much a product and a customer may send. A limit makes a sender wait; nothing is lost by it. */
export interface Limits {
  /** Of one product, batches and forensic packages together; a day begins at 00:00 UTC. */
  bytesPerDay: number;
  /** Of all products of one customer together. */
  customerBytesPerDay: number;
  packageBytes: number;
  /** Of one product, on each node; two seconds' worth may come at once. */
  requestsPerSecond: number;
}

/** A customer's own; what is absent is the portal's. */
export type OwnLimits = { [Name in keyof Limits]?: number | undefined };

export function limitsInForce(defaults: Limits, own: OwnLimits): Limits {
  return {
    bytesPerDay: own.bytesPerDay ?? defaults.bytesPerDay,
    customerBytesPerDay: own.customerBytesPerDay ?? defaults.customerBytesPerDay,
    packageBytes: own.packageBytes ?? defaults.packageBytes,
    requestsPerSecond: own.requestsPerSecond ?? defaults.requestsPerSecond,
  };
}

export interface UsageOfToday {
  byProduct: ReadonlyMap<string, number>;
  /** Until the next day in UTC, by the database's clock. */
  secondsLeft: number;
}

export function isOverDay(limits: Limits, usage: UsageOfToday, product: string): boolean {
  const { own, all } = usedToday(usage, product);
  return own >= limits.bytesPerDay || all >= limits.customerBytesPerDay;
}

/** Whether the figure must be read anew to be judged: far below the limit an older one does. */
export function isNearDay(limits: Limits, usage: UsageOfToday, product: string): boolean {
  const { own, all } = usedToday(usage, product);
  return own >= limits.bytesPerDay * NEAR || all >= limits.customerBytesPerDay * NEAR;
}

export function usedToday({ byProduct }: UsageOfToday, product: string): { own: number; all: number } {
  let all = 0;
  for (const bytes of byProduct.values()) all += bytes;
  return { own: byProduct.get(product) ?? 0, all };
}

const NEAR = 0.9;
