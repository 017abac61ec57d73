import { ConfirmDialog } from "@tms/console-kit";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";

export function UnregisterDialog(props: { opened: boolean; onClose(): void; name: string }): ReactNode {
  const words = useWords();
  const unregister = api.useAct("unregister", { onDone: props.onClose });
  return (
    <ConfirmDialog
      opened={props.opened}
      onClose={props.onClose}
      title={words("unregister.title", { name: props.name })}
      confirmLabel={words("unregister.do", { name: props.name })}
      typedName={props.name}
      dangerous
      onConfirm={(typedName) => unregister.mutate({ body: { typedName } })}
      busy={unregister.isPending}
      error={unregister.error}
    >
      <p>{words("unregister.text")}</p>
    </ConfirmDialog>
  );
}
