import { ForeignText, Panel, StateInline, TimeBoth, TimeCell } from "@tms/console-kit";
import type { PatternDetail } from "@tms/contracts/portal";
import { DEPLOYMENT_STATE_TABLE } from "@tms/records";
import type { ReactNode } from "react";
import { useWords } from "../words.ts";

/** Each endpoint on its own; "downloaded by the mitigator" and "applied on the endpoint" are never one badge. */
export function DeploymentsPanel(props: { deployments: PatternDetail["deployments"] }): ReactNode {
  const words = useWords();
  const { deployments } = props;
  return (
    <Panel
      title={words("deployments.title")}
      note={words("deployments.note", { count: deployments.length })}
      padded={false}
    >
      {deployments.length === 0 ? (
        <p className="tms-empty">{words("deployments.none")}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls sideways must be reachable by keyboard.
        <section className="tms-table-scroll" aria-label={words("deployments.title")} tabIndex={0}>
          <table className="tms-table">
            <thead>
              <tr>
                <th scope="col">{words("endpoint")}</th>
                <th scope="col">{words("state")}</th>
                <th scope="col">{words("deployments.downloaded")}</th>
                <th scope="col">{words("deployments.applied")}</th>
              </tr>
            </thead>
            <tbody>
              {deployments.map((deployment) => (
                <tr key={deployment.endpoint}>
                  <td>
                    <strong>
                      <ForeignText text={deployment.host} />
                    </strong>
                  </td>
                  <td>
                    <StateInline
                      state={DEPLOYMENT_STATE_TABLE[deployment.state]}
                      small={words.rich("since", { time: <TimeBoth at={deployment.stateSince} /> })}
                    />
                  </td>
                  <td>
                    <TimeOr at={deployment.downloadedByMitigatorAt} />
                  </td>
                  <td>
                    <TimeOr at={deployment.appliedOnEndpointAt} />
                    {deployment.steps.length === 0 ? null : (
                      <span className="tms-cell-second">
                        {words("deployments.steps", {
                          done: deployment.steps.filter(
                            (step) => step.outcome === "done" || step.outcome === "nothing-to-do",
                          ).length,
                          count: deployment.steps.length,
                        })}
                        , {words(`undo.${deployment.undo}`)}
                      </span>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Panel>
  );
}

function TimeOr(props: { at: string | null }): ReactNode {
  const words = useWords();
  return props.at === null ? <span className="tms-small">{words("notYet")}</span> : <TimeCell at={props.at} />;
}
