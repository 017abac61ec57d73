import type { ReactNode } from "react";

const counts = new Intl.NumberFormat("en-GB");
const oneDigit = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `3,412,889`. */
export function countText(value: number): string {
  return counts.format(value);
}

/** `3.2 MiB`. */
export function bytesText(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? counts.format(size) : oneDigit.format(size)} ${UNITS[unit]}`;
}

export function ByteCount(props: { bytes: number }): ReactNode {
  return <span title={`${countText(props.bytes)} bytes`}>{bytesText(props.bytes)}</span>;
}
