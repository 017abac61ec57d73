import {
  bytesText,
  countText,
  dateText,
  ForeignText,
  Panel,
  TimeAbsolute,
  ToneShape,
  useClock,
} from "@tms/console-kit";
import type { Completeness, ProductView } from "@tms/contracts/portal";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";
import { CertifyDialog } from "./CertifyDialog.tsx";
import { SpanText } from "./SpanText.tsx";

/** Completeness as arithmetic: received of sent, then what became of the rest. Records in the spool are not missing. */
export function CompletenessPanel(props: { product: ProductView }): ReactNode {
  const words = useWords();
  const { completeness, registeredAt } = props.product;
  const [certifying, setCertifying] = useState(false);
  const sent = sumOf(completeness, (stream) => stream.sent ?? 0);
  const received = sumOf(completeness, (stream) => stream.received);
  const lost = sumOf(completeness, (stream) => stream.lost);
  const gaps = completeness.flatMap((stream) => stream.gaps.map((gap) => ({ ...gap, stream: stream.stream })));
  return (
    <Panel
      title={words("completeness.title")}
      note={words.rich("completeness.since", { date: <TimeAbsolute at={registeredAt} /> })}
      right={
        <button type="button" className="tms-link" onClick={() => setCertifying(true)}>
          {words("certify.open")}
        </button>
      }
      padded={false}
    >
      <CertifyDialog product={props.product} opened={certifying} onClose={() => setCertifying(false)} />
      <div style={{ padding: "12px 16px 2px" }}>
        <span className="tms-key-figure tms-tabular">
          {words("records.of", { received: countText(received), sent: countText(sent) })}
        </span>{" "}
        {words("completeness.figure", { lost: countText(lost), count: lost })}
        <Outages product={props.product} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls sideways must be reachable by keyboard. */}
      <section className="tms-table-scroll" aria-label={words("completeness.title")} tabIndex={0}>
        <table className="tms-table">
          <thead>
            <tr>
              <th scope="col">{words("completeness.stream")}</th>
              <th scope="col" data-numeric="">
                {words("completeness.received")}
              </th>
              <th scope="col">{words("completeness.share")}</th>
              <th scope="col" data-numeric="">
                {words("completeness.unreadable")}
              </th>
              <th scope="col" data-numeric="">
                {words("completeness.lost")}
              </th>
              <th scope="col" data-numeric="">
                {words("completeness.erased")}
              </th>
              <th scope="col" data-numeric="">
                {words("completeness.spooled")}
              </th>
              <th scope="col">{words("completeness.upTo")}</th>
            </tr>
          </thead>
          <tbody>
            {completeness.map((stream) => (
              <StreamRow key={stream.stream} stream={stream} />
            ))}
          </tbody>
        </table>
      </section>
      {gaps.length === 0 ? null : (
        <ul className="tms-list" style={{ borderTop: "1px solid var(--tms-line)" }}>
          {gaps.map((gap) => (
            <li key={`${gap.epoch}/${gap.first}`}>
              <ToneShape tone="gap" />
              <span>
                <span className="tms-gap-text tms-strong">
                  {words("completeness.gap", { count: gap.count, shown: countText(gap.count), stream: gap.stream })}
                </span>{" "}
                {gap.from === null || gap.to === null ? null : <SpanText from={gap.from} to={gap.to} />}
                <span className="tms-cell-second">
                  {words.rich("completeness.cause", { cause: <ForeignText text={gap.cause} /> })}
                </span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

/** Silences that ended: what was sealed meanwhile arrived afterwards, or stands among the lost. */
function Outages(props: { product: ProductView }): ReactNode {
  const words = useWords();
  const { now, zone } = useClock();
  const history = api.useRead("productHistory", { params: { id: props.product.id }, query: {} });
  if (history.data === undefined) return null;
  const bridged = history.data.incidents.filter(
    ({ kind, to }) => to !== null && (kind === "offline" || kind === "portal-away"),
  );
  const since = dateText(new Date(history.data.from), now, zone);
  return <>, {words("completeness.outages", { count: bridged.length, since })}</>;
}

function StreamRow(props: { stream: Completeness }): ReactNode {
  const words = useWords();
  const { stream } = props;
  return (
    <tr>
      <td>
        <strong>{stream.stream}</strong>
        {stream.epoch === null ? null : (
          <span className="tms-cell-second">
            {words.rich("completeness.epoch", { epoch: <ForeignText text={stream.epoch} mono truncate="epoch" /> })}
          </span>
        )}
        {stream.repeated === 0 ? null : (
          <span className="tms-cell-second">{words("completeness.repeats", { count: stream.repeated })}</span>
        )}
      </td>
      <td data-numeric="">
        <strong>{countText(stream.received)}</strong>
        <span className="tms-cell-second">
          {stream.sent === null ? words("records.notSaid") : words("completeness.of", { sent: countText(stream.sent) })}
        </span>
      </td>
      <td>
        <Share stream={stream} />
      </td>
      <td data-numeric="">
        {countText(stream.unreadable)}
        {stream.keptAside === 0 ? null : <span className="tms-cell-second">{words("completeness.keptAside")}</span>}
      </td>
      <td data-numeric="">
        {stream.lost === 0 ? "0" : <span className="tms-gap-text tms-strong">{countText(stream.lost)}</span>}
      </td>
      <td data-numeric="">{countText(stream.erased)}</td>
      <td data-numeric="">{bytesText(stream.spooledBytes)}</td>
      <td>
        {stream.trueUpTo === null ? (
          <span className="tms-gap-text">{words("completeness.notKnown")}</span>
        ) : (
          <TimeAbsolute at={stream.trueUpTo} />
        )}
      </td>
    </tr>
  );
}

/** Received in green, what is not known hatched; a share never looks whole unless it is. Nothing sent is no gap. */
function Share(props: { stream: Completeness }): ReactNode {
  const { received, lost, sent } = props.stream;
  if (sent === 0 && received + lost === 0) return <div className="tms-amount" aria-hidden="true" />;
  const whole = Math.max(sent ?? 0, received + lost, 1);
  const missing = Math.max(0, whole - received);
  const missingPercent = missing === 0 ? 0 : Math.max(2, (missing / whole) * 100);
  return (
    <div className="tms-amount" aria-hidden="true">
      <span
        style={{
          width: `${100 - missingPercent}%`,
          background: received === 0 ? "transparent" : "var(--tms-ok-solid)",
        }}
      />
      {missing === 0 ? null : <span className="tms-hatched" style={{ width: `${missingPercent}%` }} />}
    </div>
  );
}

function sumOf(streams: Completeness[], part: (stream: Completeness) => number): number {
  return streams.reduce((sum, stream) => sum + part(stream), 0);
}
