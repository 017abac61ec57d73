import { Button } from "@mantine/core";
import {
  agoText,
  Copyable,
  durationText,
  ForeignText,
  longDateText,
  Pairs,
  Panel,
  ProblemLine,
  StateInline,
  useClock,
} from "@tms/console-kit";
import type { ProductView } from "@tms/contracts/portal";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { useSession } from "../session-context.ts";
import { useWords } from "../words.ts";

const DAY_MS = 86_400_000;

/** How long the product is known by its keys, when it renews them by itself, and the keys themselves. */
export function CertificatePanel(props: { product: ProductView }): ReactNode {
  const words = useWords();
  const { now } = useClock();
  const { session } = useSession();
  const { certificate, sshFingerprint, registration, id } = props.product;
  const renew = api.useAct("renewProduct");
  const mayRenew = session.role === "administrator" && registration !== "unregistered" && registration !== "revoked";
  const fingerprints: [string, string][] = [
    [words("certificate.tls"), certificate.fingerprint],
    [words("certificate.ssh"), sshFingerprint],
    [words("certificate.signing"), certificate.signingFingerprint],
  ];
  return (
    <Panel title={words("certificate.title")} right={<StateInline state={stateOf(words, props.product, now)} />}>
      <LifeBar certificate={certificate} />
      <Pairs
        pairs={[
          ...fingerprints.map(([what, text]): [string, ReactNode] => [
            what,
            <Copyable key={what} text={text} what={what} truncate="fingerprint" />,
          ]),
          [
            words("certificate.ca"),
            words(registration === "unconfirmed" ? "certificate.caUnconfirmed" : "certificate.caConfirmed"),
          ],
          [words("certificate.renewed"), words("certificate.renewedTimes", { count: certificate.renewedTimes })],
          [words("certificate.serial"), <ForeignText key="n" text={certificate.serial} mono truncate="hash" />],
        ]}
      />
      {mayRenew ? (
        <Button
          variant="default"
          size="compact-sm"
          mt="sm"
          onClick={() => renew.mutate({ params: { id } })}
          disabled={renew.isPending || renew.isSuccess}
        >
          {words(renew.isSuccess ? "certificate.renewAsked" : "certificate.renew")}
        </Button>
      ) : null}
      <ProblemLine error={renew.error} />
    </Panel>
  );
}

function stateOf(words: ReturnType<typeof useWords>, { certificate, registration }: ProductView, now: Date) {
  const leftMs = new Date(certificate.notAfter).getTime() - now.getTime();
  if (leftMs <= 0) return { text: words("certificate.expired", { ago: agoText(-leftMs) }), tone: "fail" as const };
  if (registration === "may-only-renew") {
    return { text: words("registration.may-only-renew"), tone: "wait" as const };
  }
  const days = Math.floor(leftMs / DAY_MS);
  const text =
    days < 2
      ? words("certificate.valid", { left: durationText(leftMs) })
      : words("certificate.validDays", { count: days });
  return { text, tone: "ok" as const };
}

/** A label stands over its mark; beside it where it would leave the bar or meet the other one. */
function sideOf(share: number, other: number): "left" | "right" | "over" {
  if (share < 8) return "right";
  if (share > 92) return "left";
  if (Math.abs(share - other) < 30) return share < other ? "left" : "right";
  return "over";
}

/** The certificate's life from left to right: how much is over, and where it renews. */
function LifeBar(props: { certificate: ProductView["certificate"] }): ReactNode {
  const words = useWords();
  const { now, zone } = useClock();
  const [from, renews, to] = [props.certificate.issuedAt, props.certificate.renewsAt, props.certificate.notAfter].map(
    (text) => new Date(text),
  );
  if (from === undefined || renews === undefined || to === undefined) return null;
  const share = (at: Date) =>
    Math.min(100, Math.max(0, ((at.getTime() - from.getTime()) / (to.getTime() - from.getTime())) * 100));
  const date = (at: Date) => longDateText(at, zone);
  const renewsOn = words("certificate.renews", { date: date(renews) });
  return (
    <div className="tms-life">
      <div className="tms-life-marks">
        <span className="tms-strong" data-side={sideOf(share(now), share(renews))} style={{ left: `${share(now)}%` }}>
          {words("certificate.today")}
        </span>
        <span data-side={sideOf(share(renews), share(now))} style={{ left: `${share(renews)}%` }}>
          {renewsOn}
        </span>
      </div>
      <div
        className="tms-life-bar"
        role="img"
        aria-label={words("certificate.life", { from: date(from), to: date(to) })}
      >
        <span style={{ width: `${share(now)}%` }} />
        <i data-now="" style={{ left: `${share(now)}%` }} />
        <i style={{ left: `${share(renews)}%` }} />
      </div>
      <div className="tms-life-ends">
        <span>{date(from)}</span>
        <span>{date(to)}</span>
      </div>
    </div>
  );
}
