import { Select } from "@mantine/core";
import { FREQUENCIES, type PortalConnection } from "@tms/contracts/mitigator";
import type { ReactNode } from "react";
import { Controller, type UseFormReturn } from "react-hook-form";
import { api } from "../api.ts";
import { useWords } from "../words.ts";
import { SavedValue } from "./SettingsField.tsx";
import type { SettingsValues } from "./settings-values.ts";

export function frequencyText(words: ReturnType<typeof useWords>, minutes: number): string {
  if (minutes === 0) return words("frequency.immediately");
  return minutes < 60 ? words("frequency.minutes", { minutes }) : words("frequency.hours", { hours: minutes / 60 });
}

/** How often logs leave; and a way not to wait for it. */
export function FrequencyField(props: {
  form: UseFormReturn<SettingsValues>;
  saved: SettingsValues;
  compare: boolean;
  connection: PortalConnection;
}): ReactNode {
  const words = useWords();
  const { form, saved, connection } = props;
  const changed = props.compare && form.watch("frequency") !== saved.frequency;
  return (
    <div>
      <Controller
        control={form.control}
        name="frequency"
        render={({ field }) => (
          <Select
            label={words("portal.frequency")}
            className={changed ? "tms-changed-field" : ""}
            value={field.value}
            onChange={(value) => field.onChange(value ?? saved.frequency)}
            allowDeselect={false}
            data={FREQUENCIES.map((minutes) => ({ value: String(minutes), label: frequencyText(words, minutes) }))}
          />
        )}
      />
      {changed ? <SavedValue value={frequencyText(words, Number(saved.frequency))} /> : null}
      {changed || connection.schedule === null ? null : <SendNow connection={connection} />}
    </div>
  );
}

function SendNow(props: { connection: PortalConnection }): ReactNode {
  const words = useWords();
  const send = api.useAct("sendNow");
  const isUnderWay = send.isPending || props.connection.schedule?.lastRun?.endedAt === null;
  return (
    <span className="tms-small" aria-live="polite">
      {isUnderWay ? (
        words("portal.sendingNow")
      ) : (
        <button type="button" className="tms-link" style={{ minHeight: 24 }} onClick={() => send.mutate({ body: {} })}>
          {words("portal.sendNow")}
        </button>
      )}
      {send.error === null ? null : <span role="alert"> {send.error.message}</span>}
    </span>
  );
}
