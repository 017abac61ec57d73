import { Select, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { Controller, type UseFormReturn } from "react-hook-form";
import { useWords } from "../words.ts";
import { SavedValue } from "./SettingsField.tsx";
import { FIXED_BANDWIDTHS, type SettingsValues, UNLIMITED } from "./settings-values.ts";

const CUSTOM = "custom";

export function bandwidthLabel(words: ReturnType<typeof useWords>, text: string): string {
  if (text === UNLIMITED) return words("bandwidth.unlimited");
  const kbits = Number(text);
  return kbits >= 1000 && kbits % 1000 === 0
    ? words("bandwidth.mbits", { count: kbits / 1000 })
    : words("bandwidth.kbits", { count: kbits });
}

/** Fixed values, or any other typed in kbit/s. */
export function BandwidthField(props: {
  form: UseFormReturn<SettingsValues>;
  name: "upload" | "download";
  label: string;
  saved: SettingsValues;
  compare: boolean;
}): ReactNode {
  const words = useWords();
  const { form, name, saved } = props;
  const value = form.watch(name);
  // While somebody types 640 it is 64 for a moment: what was chosen decides, not what the text happens to be.
  const [typing, setTyping] = useState(false);
  const isCustom = typing || !FIXED_BANDWIDTHS.includes(value);
  const changed = props.compare && value !== saved[name];
  const error = form.formState.errors[name]?.message;
  return (
    <div>
      <Controller
        control={form.control}
        name={name}
        render={({ field }) => (
          <>
            <Select
              label={props.label}
              className={changed ? "tms-changed-field" : ""}
              value={isCustom ? CUSTOM : field.value}
              onChange={(chosen) => {
                setTyping(chosen === CUSTOM);
                if (chosen !== null && chosen !== CUSTOM) field.onChange(chosen);
                else if (field.value === UNLIMITED) field.onChange("");
              }}
              allowDeselect={false}
              data={[
                ...FIXED_BANDWIDTHS.map((text) => ({ value: text, label: bandwidthLabel(words, text) })),
                { value: CUSTOM, label: words("bandwidth.custom") },
              ]}
            />
            {isCustom ? (
              <TextInput
                mt={6}
                aria-label={words("bandwidth.customOf", { name: props.label })}
                className="tms-mono-input"
                inputMode="numeric"
                autoComplete="off"
                rightSection={<span className="tms-small">kbit/s</span>}
                rightSectionWidth={52}
                error={error}
                value={field.value}
                ref={field.ref}
                onChange={(event) => field.onChange(event.currentTarget.value)}
              />
            ) : null}
          </>
        )}
      />
      {changed ? <SavedValue value={bandwidthLabel(words, saved[name])} /> : null}
    </div>
  );
}
