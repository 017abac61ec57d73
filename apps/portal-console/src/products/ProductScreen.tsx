import { Button } from "@mantine/core";
import {
  bytesText,
  ConfirmDialog,
  countText,
  durationText,
  type Fact,
  FactsStrip,
  ForeignText,
  goTo,
  longDateText,
  Page,
  Pairs,
  Panel,
  ProblemLine,
  StateBlock,
  StateInline,
  TimeAbsolute,
  TimeAgo,
  useClock,
  useRouteParam,
} from "@tms/console-kit";
import type { ProductView } from "@tms/contracts/portal";
import { COMPATIBILITY, PRODUCT_STATE_TABLE } from "@tms/records";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useSession } from "../session-context.ts";
import { useWords } from "../words.ts";
import { CertificatePanel } from "./CertificatePanel.tsx";
import { CompletenessPanel } from "./CompletenessPanel.tsx";
import { HistoryPanel } from "./HistoryPanel.tsx";
import { IdentityPanel } from "./IdentityPanel.tsx";
import { StateWhy } from "./product-cells.tsx";
import { AskForLogs, frequencyText, SchedulePanel } from "./SchedulePanel.tsx";

export function ProductScreen(): ReactNode {
  const words = useWords();
  const product = api.useRead("getProduct", { params: { id: useRouteParam("id") as never } });
  const crumbs = [{ label: words("menu.products"), href: paths.products() }];
  if (product.data === undefined) {
    return (
      <Page crumbs={crumbs} title={words("menu.products")} plainTitle={words("menu.products")}>
        <ProblemLine error={product.error} />
      </Page>
    );
  }
  return <LoadedProduct product={product.data} />;
}

function LoadedProduct(props: { product: ProductView }): ReactNode {
  const words = useWords();
  const { session } = useSession();
  const { product } = props;
  const [removing, setRemoving] = useState(false);
  const removable = product.registration !== "unregistered" && session.role === "administrator";
  return (
    <Page
      crumbs={[
        { label: words("menu.products"), href: paths.products() },
        { label: product.customer.name, href: paths.customer(product.customer.id) },
        { label: product.name },
      ]}
      title={<ForeignText text={product.name} />}
      plainTitle={product.name}
      badges={
        <>
          <StateBlock state={PRODUCT_STATE_TABLE[product.state]} announce />
          <Readiness product={product} />
        </>
      }
      actions={
        <>
          <AskForLogs product={product} />
          {removable ? (
            <Button className="tms-danger-quiet" onClick={() => setRemoving(true)}>
              {words("product.remove")}
            </Button>
          ) : null}
        </>
      }
    >
      <ProductFacts product={product} />
      <div className="tms-history">
        <IdentityPanel product={product} />
        <HistoryPanel product={product} />
      </div>
      <div className="tms-columns" style={{ "--right": "372px" } as object}>
        <div>
          {product.needsSomebody ? <StatePanel product={product} /> : null}
          <CompletenessPanel product={product} />
          {product.needsSomebody ? null : <StatePanel product={product} />}
        </div>
        <div>
          <SchedulePanel product={product} />
          <CertificatePanel product={product} />
        </div>
      </div>
      <RemoveDialog product={product} opened={removing} onClose={() => setRemoving(false)} />
    </Page>
  );
}

/** A second fact beside the state, never folded into it: can it start mitigation tasks? */
function Readiness(props: { product: ProductView }): ReactNode {
  const words = useWords();
  const { ready } = props.product;
  if (ready === null || isSilent(props.product))
    return <StateInline state={{ text: words("product.readyUnknown"), tone: "gap" }} />;
  if (ready.ok) return <StateInline state={{ text: words("product.ready"), tone: "ok" }} />;
  return <StateInline state={{ text: words("product.notReady"), tone: "wait" }} />;
}

function ProductFacts(props: { product: ProductView }): ReactNode {
  const words = useWords();
  const { zone } = useClock();
  const { product } = props;
  const protocol = product.protocolSeen === null ? words("product.noProtocol") : product.protocolSeen.toUpperCase();
  return (
    <FactsStrip
      facts={[
        {
          label: words("products.lastHeartbeat"),
          value:
            product.lastHeartbeatAt === null ? words("products.noHeartbeat") : <TimeAgo at={product.lastHeartbeatAt} />,
          small: words.rich("product.every", {
            time:
              product.lastHeartbeatAt === null ? (
                words("products.noHeartbeat")
              ) : (
                <TimeAbsolute at={product.lastHeartbeatAt} />
              ),
            every: durationText(product.heartbeatSeconds * 1000),
          }),
        },
        {
          label: words("products.lastLogs"),
          value: product.lastLogsAt === null ? words("products.noLogs") : <TimeAgo at={product.lastLogsAt} />,
          small: words.rich(product.schedule === null ? "product.over" : "product.overEvery", {
            time: product.lastLogsAt === null ? words("products.noLogs") : <TimeAbsolute at={product.lastLogsAt} />,
            protocol,
            frequency: product.schedule === null ? "" : frequencyText(words, product.schedule),
          }),
        },
        spoolFact(words, product),
        {
          label: words("product.agents"),
          value: product.agents === null ? words("product.agentsUnknown") : countText(product.agents),
          small:
            product.lastHeartbeatAt === null
              ? words("product.agentsBy")
              : words.rich("product.agentsAt", { time: <TimeAbsolute at={product.lastHeartbeatAt} /> }),
        },
        {
          label: words("version"),
          value: <ForeignText text={product.version} />,
          small:
            worksText(words, product.version) ??
            words("product.registered", { date: longDateText(new Date(product.registeredAt), zone) }),
        },
        {
          label: words("product.address"),
          value: <ForeignText text={product.address} mono />,
          small: product.email === null ? words("products.noEmail") : <ForeignText text={product.email} />,
        },
      ]}
    />
  );
}

/** What waits there; records that are not sealed into a batch yet have bytes and no number. */
function spoolFact(words: ReturnType<typeof useWords>, { completeness }: ProductView): Fact {
  const bytes = bytesText(completeness.reduce((sum, stream) => sum + stream.spooledBytes, 0));
  const waiting = completeness.reduce((sum, stream) => sum + waitingOf(stream), 0);
  const oldestAt = completeness.flatMap((stream) => stream.oldestAt ?? []).sort()[0];
  const label = words("product.spool");
  if (oldestAt === undefined) return { label, value: words("product.nothingWaits"), small: words("product.spoolBy") };
  const time = <TimeAbsolute at={oldestAt} />;
  return waiting === 0
    ? { label, value: bytes, small: words.rich("product.spoolOpen", { time }) }
    : {
        label,
        value: words("product.waiting", { count: waiting, shown: countText(waiting) }),
        small: words.rich("product.spoolOldest", { time, bytes }),
      };
}

/** The portals that this version of the product works with; null where the list does not know it. */
function worksText(words: ReturnType<typeof useWords>, version: string): string | null {
  const [major, minor] = version.split(".").map(Number);
  const numberOf = (text: string) => {
    const [one = 0, other = 0] = text.split(".").map(Number);
    return one * 1000 + other;
  };
  const own = (major ?? 0) * 1000 + (minor ?? 0);
  const rows = COMPATIBILITY.filter(
    ({ mitigators }) => numberOf(mitigators.from) <= own && own <= numberOf(mitigators.to),
  );
  const [newest, oldest] = [rows[0], rows.at(-1)];
  if (newest === undefined || oldest === undefined) return null;
  if (newest === oldest) return words("product.works", { portal: newest.portal });
  return words("product.worksSpan", { from: oldest.portal, to: newest.portal });
}

/** Sealed by the product and not arrived: it waits there and is not missing. */
function waitingOf({ sent, received, lost, unreadable, notYetIndexed }: ProductView["completeness"][number]): number {
  return Math.max(0, (sent ?? 0) - received - lost - unreadable - notYetIndexed);
}

function StatePanel(props: { product: ProductView }): ReactNode {
  const words = useWords();
  const { product } = props;
  return (
    <Panel title={words("product.known")} note={words("product.judged")}>
      <Pairs
        pairs={[
          [
            words("product.liveness"),
            <StateInline key="l" state={PRODUCT_STATE_TABLE[product.state]} small={<StateWhy row={product} />} />,
          ],
          [words("product.registration"), words(`registration.${product.registration}`)],
          ...lastKnownOf(words, product),
          [words("product.sending"), words(`sending.${product.sending}`)],
          [words("product.identity"), words(`identity.${product.identity}`)],
          [
            words("product.readiness"),
            product.ready === null || isSilent(product) ? (
              <span key="r" className="tms-gap-text">
                {words("product.readyUnknown")}
              </span>
            ) : product.ready.ok ? (
              words("product.ready")
            ) : (
              <ul key="r">
                {product.ready.reasons.map((reason) => (
                  <li key={reason.code}>
                    <ForeignText text={reason.text} /> <span className="tms-mono tms-small">{reason.code}</span>
                  </li>
                ))}
              </ul>
            ),
          ],
        ]}
      />
    </Panel>
  );
}

/** What it said of itself is no longer known to be so. */
function isSilent({ liveness, sending }: ProductView): boolean {
  return liveness !== "online" || sending === "disabled";
}

/** Why it is silent can only be told from what it said last; all of it stands in one place then. */
function lastKnownOf(words: ReturnType<typeof useWords>, product: ProductView): [string, ReactNode][] {
  if (product.lastHeartbeatAt === null || product.ready === null || !isSilent(product)) return [];
  const spooled = product.completeness.reduce((sum, stream) => sum + stream.spooledBytes, 0);
  const reasons = product.ready.reasons.map((reason) => reason.text).join("; ");
  const fact = words.rich("product.lastKnownText", {
    ready: product.ready.ok ? (
      words("history.state.ready")
    ) : (
      <ForeignText text={reasons || words("history.noReason")} />
    ),
    version: <ForeignText text={product.version} />,
    address: <ForeignText text={product.address} mono />,
    spool: bytesText(spooled),
    time: <TimeAbsolute at={product.lastHeartbeatAt} />,
  });
  return [[words("product.lastKnown"), fact]];
}

function RemoveDialog(props: { product: ProductView; opened: boolean; onClose(): void }): ReactNode {
  const words = useWords();
  const { product } = props;
  const remove = api.useAct("removeProduct", { onDone: () => goTo(paths.products()) });
  return (
    <ConfirmDialog
      opened={props.opened}
      onClose={props.onClose}
      title={words("remove.title", { name: product.name })}
      confirmLabel={words("remove.do", { name: product.name })}
      typedName={product.name}
      dangerous
      onConfirm={(typedName) => remove.mutate({ params: { id: product.id }, body: { typedName } })}
      busy={remove.isPending}
      error={remove.error}
    >
      <p>{words("remove.text", { agents: product.agents ?? 0 })}</p>
    </ConfirmDialog>
  );
}
