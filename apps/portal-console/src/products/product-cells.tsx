import { countText, ForeignText, StateInline, TimeAbsolute, ToneShape } from "@tms/console-kit";
import type { ProductRow } from "@tms/contracts/portal";
import { PRODUCT_STATE_TABLE } from "@tms/records";
import type { ReactNode } from "react";
import { useWords } from "../words.ts";

/** State over since when and why. */
export function ProductStateCell(props: { row: ProductRow }): ReactNode {
  return <StateInline state={PRODUCT_STATE_TABLE[props.row.state]} small={<StateWhy row={props.row} />} />;
}

/** "since 08:58, last known: disk 94 % full"; a product that works says what it can do instead. */
export function StateWhy(props: { row: ProductRow }): ReactNode {
  const words = useWords();
  const { row } = props;
  const agents = row.agents === null ? "" : words("products.agents", { count: row.agents });
  if (row.state === "online" && row.stateReason === null) {
    return agents === "" ? words("products.ready") : words("products.readyAgents", { agents });
  }
  const since = row.stateSince === null ? null : <TimeAbsolute at={row.stateSince} />;
  const why = row.stateReason === null ? null : <ForeignText text={row.stateReason} />;
  if (since === null) return why;
  if (why === null) return words.rich("since", { time: since });
  return words.rich("sinceWhy", { time: since, why });
}

/** "n of n" and up to when that is true; what is lost has the look of what is not known. */
export function RecordsCell(props: { row: ProductRow }): ReactNode {
  const words = useWords();
  const { records } = props.row;
  if (records.sent === null) return <span className="tms-small">{words("records.notSaid")}</span>;
  return (
    <>
      {words("records.of", { received: countText(records.received), sent: countText(records.sent) })}
      <span className="tms-cell-second tms-nowrap">
        {records.lost > 0 ? (
          <span className="tms-gap-text">
            <ToneShape tone="gap" size={12} />{" "}
            {words("records.lost", { lost: countText(records.lost), count: records.lost })}
          </span>
        ) : records.trueUpTo === null ? (
          words("records.noneLost")
        ) : (
          words.rich("records.upTo", { time: <TimeAbsolute at={records.trueUpTo} /> })
        )}
      </span>
    </>
  );
}
