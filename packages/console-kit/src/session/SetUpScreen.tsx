import { Button, PasswordInput, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { useForm } from "react-hook-form";
import { ProblemLine } from "../dialog/ProblemLine.tsx";
import { useKitWords } from "../words/kit-words.ts";
import { GateShell } from "./GateShell.tsx";
import { sessionApi } from "./session-client.ts";

interface SetUpValues {
  userName: string;
  password: string;
  again: string;
}

const MIN_PASSWORD = 12;

/** Makes the first administrator from the one-time link. There is no default password. */
export function SetUpScreen(props: { brand: string; token: string }): ReactNode {
  const words = useKitWords();
  const setUp = sessionApi.useAct("setUp", {
    onDone: () => {
      window.location.hash = "#/";
    },
  });
  const form = useForm<SetUpValues>({ defaultValues: { userName: "", password: "", again: "" }, mode: "onTouched" });
  const { errors } = form.formState;
  const submit = form.handleSubmit(({ userName, password }) =>
    setUp.mutate({ body: { token: props.token, userName, password } }),
  );
  return (
    <GateShell brand={props.brand} title={words("setUp.title")}>
      <p className="tms-prose">{words("setUp.why")}</p>
      <form noValidate onSubmit={submit}>
        <TextInput
          label={words("logOn.userName")}
          autoComplete="username"
          autoFocus
          error={errors.userName?.message}
          {...form.register("userName", { required: words("form.required") })}
        />
        <PasswordInput
          label={words("logOn.password")}
          description={words("setUp.passwordRule", { length: MIN_PASSWORD })}
          autoComplete="new-password"
          visibilityToggleButtonProps={{ "aria-label": words("form.showPassword") }}
          error={errors.password?.message}
          {...form.register("password", {
            required: words("form.required"),
            minLength: { value: MIN_PASSWORD, message: words("setUp.tooShort", { length: MIN_PASSWORD }) },
          })}
        />
        <PasswordInput
          label={words("setUp.again")}
          autoComplete="new-password"
          visibilityToggleButtonProps={{ "aria-label": words("form.showPassword") }}
          error={errors.again?.message}
          {...form.register("again", {
            validate: (value, values) => value === values.password || words("setUp.differs"),
          })}
        />
        <ProblemLine error={setUp.error} />
        <Button type="submit" loading={setUp.isPending}>
          {words("setUp.do")}
        </Button>
      </form>
    </GateShell>
  );
}
