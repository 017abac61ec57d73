import { Copyable, ForeignText, Panel, StateInline, TimeAbsolute, TimeAgo } from "@tms/console-kit";
import type { ProductView } from "@tms/contracts/portal";
import type { ReactNode } from "react";
import { useWords } from "../words.ts";

/** Two installations that speak as one product: what tells them apart, and the cure. Nothing while there is one. */
export function IdentityPanel(props: { product: ProductView }): ReactNode {
  const words = useWords();
  const { identity, speakers } = props.product;
  if (identity === "one") return null;
  const state =
    identity === "clone-suspected"
      ? { text: words("identity.both"), tone: "fail" as const }
      : { text: words("identity.waits"), tone: "wait" as const };
  return (
    <Panel title={words("identity.title")} right={<StateInline state={state} />} padded={false}>
      <p style={{ padding: "12px 16px 4px", margin: 0 }}>{words(`identity.cure.${identity}`)}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls sideways must be reachable by keyboard. */}
      <section className="tms-table-scroll" aria-label={words("identity.title")} tabIndex={0}>
        <table className="tms-table">
          <thead>
            <tr>
              <th scope="col">{words("identity.host")}</th>
              <th scope="col">{words("product.address")}</th>
              <th scope="col">{words("identity.instance")}</th>
              <th scope="col">{words("identity.start")}</th>
              <th scope="col">{words("identity.lastSeen")}</th>
              <th scope="col">{words("version")}</th>
            </tr>
          </thead>
          <tbody>
            {speakers.map((speaker) => (
              <tr key={speaker.start}>
                <th scope="row">
                  <ForeignText text={speaker.host} />
                </th>
                <td>
                  <ForeignText text={speaker.address} mono />
                </td>
                <td>
                  <Copyable text={speaker.instanceId} what={words("identity.instance")} truncate="hash" />
                </td>
                <td>
                  <TimeAbsolute at={speaker.firstSeenAt} />
                </td>
                <td>
                  <TimeAgo at={speaker.lastSeenAt} />
                </td>
                <td>
                  <ForeignText text={speaker.version} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Panel>
  );
}
