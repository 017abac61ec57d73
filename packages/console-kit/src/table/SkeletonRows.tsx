import { Skeleton } from "@mantine/core";
import type { ReactNode } from "react";

/** Rows of the real height while the first answer is awaited. */
export function SkeletonRows(props: { rows: number; columns: number }): ReactNode {
  return Array.from({ length: props.rows }, (_, row) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: these rows have no identity.
    <tr key={row}>
      {Array.from({ length: props.columns }, (_unused, column) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: nor have these cells.
        <td key={column} data-narrow="" style={{ height: 48 }}>
          <Skeleton height={12} width="70%" animate={false} />
        </td>
      ))}
    </tr>
  ));
}
