import { ConfirmDialog } from "@tms/console-kit";
import type { EndpointRow } from "@tms/contracts/mitigator";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";

/** Ends an endpoint's agent; the typed host confirms which one. */
export function RemoveAgentDialog(props: { endpoint: EndpointRow; onClose(): void }): ReactNode {
  const words = useWords();
  const { endpoint } = props;
  const remove = api.useAct("removeAgent", { onDone: props.onClose });
  return (
    <ConfirmDialog
      opened
      onClose={props.onClose}
      title={words("agent.removeTitle", { host: endpoint.host })}
      confirmLabel={words("agent.removeDo", { host: endpoint.host })}
      typedName={endpoint.host}
      dangerous
      onConfirm={(typedName) => remove.mutate({ params: { id: endpoint.id }, body: { typedName } })}
      busy={remove.isPending}
      error={remove.error}
    >
      <p>{words("agent.removeText")}</p>
    </ConfirmDialog>
  );
}
